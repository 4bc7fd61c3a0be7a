import { createReadStream, fstatSync, read } from 'node:fs'
import { stat } from 'node:fs/promises'
import { ThroughlineError } from '../../errors.ts'
import { isCorruption, decompress } from './decompress.ts'

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
    const { glob, isDynamicPattern } = await import('tinyglobby')
    // A file whose name merely looks like a pattern has been found by its name already.
    if (!isDynamicPattern(name)) throw unreadable(name, reasonOf(found), found)
    const matches = await glob(name, {
      onlyFiles: true,
      absolute: name.startsWith('/'),
      expandDirectories: false,
      dot: true,
    })
    if (matches.length === 0) throw unreadable(name, 'no file matches the pattern: check it, and quote it')
    return matches.sort()
  }
  if (found.isDirectory())
    throw unreadable(name, `it is a folder: name its files, such as "${name.replace(/\/$/, '')}/*.ndjson"`)
  return [name]
}

/** What is told of a log while it is read. */
export interface LogOptions {
  /** Called once where a packed log is damaged behind what could be read, with a sentence that names it. */
  readonly onDamage?: (sentence: string) => void
}

/**
 * Opens a log as a stream of bytes, unpacked where it is gzip or zstd, whatever it is called.
 *
 * It is read through one handle from the first byte to the last, even if it is renamed or replaced meanwhile.
 *
 * @param fd a handle of the file, where it is open already; it stays open
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where it cannot be read
 */
export async function* openLog(name: string, { onDamage }: LogOptions = {}, fd?: number): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(bytesOf(name, fd), (reason) =>
      onDamage?.(`${name} is damaged (${reason}): what stands before was read; fetch it again`),
    )
  } catch (error) {
    throw unreadableLog(name, error)
  }
}

function bytesOf(name: string, fd: number | undefined): AsyncIterable<Buffer> {
  if (fd !== undefined) return bytesFrom(fd)
  // Without an encoding both give buffers.
  return name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: STREAM_BYTES })
}

/** The bytes of an open file from its first one on, or what comes from a pipe. A stream of Node's would close the handle when it is let go of. */
async function* bytesFrom(fd: number): AsyncGenerator<Buffer> {
  const isFile = fstatSync(fd).isFile()
  for (let position = 0; ;) {
    const bytes = await bytesAt(fd, isFile ? position : null)
    if (bytes.length === 0) return
    position += bytes.length
    yield bytes
  }
}

function bytesAt(fd: number, position: number | null): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(STREAM_BYTES)
  return new Promise((resolve, reject) => {
    read(fd, bytes, 0, STREAM_BYTES, position, (error, count) => {
      if (error === null) resolve(bytes.subarray(0, count))
      else reject(error)
    })
  })
}

const STREAM_BYTES = 262_144

/** The error for a log that cannot be read, whatever stood in the way: it names the log and the mend. */
export function unreadableLog(name: string, error: unknown): ThroughlineError {
  return error instanceof ThroughlineError ? error : unreadable(name, reasonOf(error), error)
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file: check its name'
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read: check its permissions'
  if (code === 'Z_DATA_ERROR') return 'it begins like gzip and is none: fetch it again'
  if (isCorruption(error)) return `it begins like zstd, but ${error.message}: fetch it again, or unpack it first`
  return error instanceof Error ? error.message : String(error)
}

function unreadable(name: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOG_UNREADABLE', `cannot read ${name}: ${reason}`, { cause })
}
