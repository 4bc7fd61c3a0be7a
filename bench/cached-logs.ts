import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { globSync } from 'tinyglobby'
import { generateLogs, type GeneratedLogs } from './logs/generate-logs.ts'
import type { LogOptions } from './logs/options.ts'
import { showProgress } from './progress.ts'

const CACHE = join(tmpdir(), 'throughline-bench-logs')

/** Generates logs with these options once, and keeps them among the temporary files. */
export async function cachedLogs(options: LogOptions): Promise<GeneratedLogs> {
  const folder = cacheFolder(options)
  const manifest = join(folder, 'generated.json')
  // The manifest is written last, so the logs are complete if it exists. The cast is safe: only this function writes
  // it.
  if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')) as GeneratedLogs
  showProgress(`generating logs with ${JSON.stringify(options)}`)
  rmSync(folder, { recursive: true, force: true })
  const generated = await generateLogs(folder, options)
  writeFileSync(manifest, JSON.stringify(generated))
  return generated
}

export function removeCachedLogs(options: LogOptions): void {
  rmSync(cacheFolder(options), { recursive: true, force: true })
}

/** Free disk space for logs, in bytes. */
export function freeBytes(): number {
  mkdirSync(CACHE, { recursive: true })
  const { bavail, bsize } = statfsSync(CACHE)
  return bavail * bsize
}

/** Reads the files once, so that they are in the page cache for every tool that is measured. */
export async function warmPageCache(files: readonly string[]): Promise<void> {
  for (const file of files) for await (const _chunk of createReadStream(file, { highWaterMark: 4_194_304 }));
}

/** The hash covers the generator's source: a changed generator makes other logs. */
function cacheFolder(options: LogOptions): string {
  const hash = createHash('sha256').update(JSON.stringify(options))
  for (const file of globSync('logs/*.ts', { cwd: import.meta.dirname, absolute: true }).sort())
    hash.update(readFileSync(file))
  return join(CACHE, hash.digest('hex').slice(0, 16))
}
