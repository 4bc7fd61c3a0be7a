import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from './lines.ts'
import { LogFile } from './log-file.ts'
import type { LogOptions } from './options.ts'
import type { Truth } from './truth.ts'

/** Logs on disk, and what is known of them. */
export interface Generated {
  /** The paths of all files and their parts, the oldest part of a file first. */
  readonly files: readonly string[]
  readonly truth: Truth
}

/**
 * Writes logs into a folder, which is made where it is missing, in memory that does not grow with them.
 *
 * @example const { files, truth } = await generateLogs('/tmp/logs', { bytes: 1e9, files: 8 })
 */
export async function generateLogs(dir: string, options: LogOptions = {}): Promise<Generated> {
  mkdirSync(dir, { recursive: true })
  const files = new Map<string, LogFile>()
  const lines = linesOf(options)
  let next = lines.next()
  for (; next.done !== true; next = lines.next()) {
    const { file: name, text } = next.value
    let file = files.get(name)
    if (file === undefined) files.set(name, (file = new LogFile(join(dir, name), options.rotation)))
    file.write(text)
  }
  const paths: string[] = []
  for (const name of [...files.keys()].sort()) paths.push(...((await files.get(name)?.close(options.gzip === true)) ?? []))
  return { files: paths, truth: next.value }
}
