import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExpectedResults } from './expected.ts'
import { generateLines } from './generate-lines.ts'
import type { LogOptions } from './options.ts'
import { RotatingFile } from './rotating-file.ts'

/** Logs on disk, and what an audit has to find in them. */
export interface GeneratedLogs {
  /** The paths of all files, rotated parts included, the oldest part of a file first. */
  readonly files: readonly string[]
  readonly expected: ExpectedResults
}

/**
 * Writes logs into a folder, which it creates if necessary. Memory does not grow with the size of the logs.
 *
 * @example const { files, expected } = await generateLogs('/tmp/logs', { bytes: 1e9, files: 8 })
 */
export async function generateLogs(folder: string, options: LogOptions = {}): Promise<GeneratedLogs> {
  mkdirSync(folder, { recursive: true })
  const files = new Map<string, RotatingFile>()
  const lines = generateLines(options)
  let next = lines.next()
  for (; next.done !== true; next = lines.next()) {
    const { file: name, text } = next.value
    let file = files.get(name)
    if (file === undefined) files.set(name, (file = new RotatingFile(join(folder, name), options.rotation)))
    file.write(text)
  }
  const paths: string[] = []
  for (const name of [...files.keys()].sort())
    paths.push(...((await files.get(name)?.close(options.gzip === true)) ?? []))
  return { files: paths, expected: next.value }
}
