import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { glob, isDynamicPattern } from 'tinyglobby'
import { ThroughlineError } from '../errors.ts'
import { unpacked } from './unpacked.ts'

/** Standard input, as it is named on a command line. */
export const STDIN = '-'

/**
 * Resolves names and globs to files, each once, in order of name within a glob.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for one that is missing, a folder, or a glob without a match
 */
export async function resolveFiles(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(resolve))
  return [...new Set(found.flat())]
}

async function resolve(name: string): Promise<string[]> {
  if (name === STDIN) return [name]
  const found = await stat(name).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  if (found instanceof Error) {
    // A file whose name merely looks like a pattern has been found by its name already.
    if (!isDynamicPattern(name)) throw unreadable(name, reasonOf(found), found)
    const matches = await glob(name, { onlyFiles: true, absolute: name.startsWith('/'), expandDirectories: false, dot: true })
    if (matches.length === 0) throw unreadable(name, 'no file matches the pattern: check it, and quote it')
    return matches.sort()
  }
  if (found.isDirectory()) throw unreadable(name, `it is a folder: name its files, such as "${name.replace(/\/$/, '')}/*.ndjson"`)
  return [name]
}

/**
 * Opens a log as a stream of bytes, unpacked where it is gzip, whatever it is called.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where it cannot be read
 */
export async function* openLog(name: string): AsyncGenerator<Uint8Array> {
  try {
    // Without an encoding both give buffers.
    const source: AsyncIterable<Buffer> = name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: 262_144 })
    yield* unpacked(source)
  } catch (error) {
    throw error instanceof ThroughlineError ? error : unreadable(name, reasonOf(error), error)
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file: check its name'
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read: check its permissions'
  if (code === 'Z_DATA_ERROR') return 'it begins like gzip and is none: fetch it again'
  return error instanceof Error ? error.message : String(error)
}

function unreadable(name: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOG_UNREADABLE', `cannot read ${name}: ${reason}`, { cause })
}
