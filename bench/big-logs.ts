import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { globSync } from 'tinyglobby'
import { generateLogs, type Generated } from './logs/generate.ts'
import type { LogOptions } from './logs/options.ts'
import { progress } from './progress.ts'

const CACHE = join(tmpdir(), 'throughline-bench-logs')

/** A log of these options, which is made once and then kept among the temporary files. */
export async function bigLog(options: LogOptions): Promise<Generated> {
  const folder = folderOf(options)
  const known = join(folder, 'generated.json')
  // Written last: where it is, the rest is whole. The cast names what is written below.
  if (existsSync(known)) return JSON.parse(readFileSync(known, 'utf8')) as Generated
  progress(`making a log of ${JSON.stringify(options)}`)
  rmSync(folder, { recursive: true, force: true })
  const generated = await generateLogs(folder, options)
  writeFileSync(known, JSON.stringify(generated))
  return generated
}

export function removeLog(options: LogOptions): void {
  rmSync(folderOf(options), { recursive: true, force: true })
}

/** Bytes that are left for logs. */
export function bytesFree(): number {
  mkdirSync(CACHE, { recursive: true })
  const { bavail, bsize } = statfsSync(CACHE)
  return bavail * bsize
}

/** Reads files once, so that all who come after find them in memory. */
export async function warm(files: readonly string[]): Promise<void> {
  for (const file of files) for await (const _chunk of createReadStream(file, { highWaterMark: 4_194_304 }));
}

/** Another generator makes other logs. */
function folderOf(options: LogOptions): string {
  const hash = createHash('sha256').update(JSON.stringify(options))
  for (const file of globSync('logs/*.ts', { cwd: import.meta.dirname, absolute: true }).sort()) hash.update(readFileSync(file))
  return join(CACHE, hash.digest('hex').slice(0, 16))
}
