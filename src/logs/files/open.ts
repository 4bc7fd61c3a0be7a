import { closeSync, createReadStream, fstatSync, openSync, read, readSync, statSync } from 'node:fs'
import { decompress, detectCompression, HEAD_BYTES } from './decompress.ts'
import { unreadableLog } from './errors.ts'
import { STDIN } from './resolve.ts'

/** How a log is read. */
export interface LogOptions {
  /** Called once for each compressed log that is corrupted after its first bytes, with a sentence that names it. */
  readonly onDamage?: (sentence: string) => void
}

/**
 * Reads a log as a stream of bytes. gzip and zstd are detected by their content and decompressed.
 *
 * The log is read through one file descriptor, even if the file is renamed or replaced during the reading.
 *
 * @param fd a descriptor of the file, if it is open already; it stays open
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE if it cannot be read
 */
export async function* openLog(name: string, { onDamage }: LogOptions = {}, fd?: number): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(bytesOf(name, fd), (reason) =>
      onDamage?.(`${name} is corrupted (${reason}): it was read up to there; fetch it again`),
    )
  } catch (error) {
    throw unreadableLog(name, error)
  }
}

/** An open log that can be read at any offset. */
export interface OpenFile {
  readonly name: string
  readonly fd: number
}

/** A log that can only be read from its start: it is compressed, or a pipe. */
export interface OpenStream {
  readonly name: string
  /** Present if it is a file, which can be read more than once. */
  readonly fd?: number
}

/** Logs that stay open until they are closed. */
export interface OpenLogs {
  readonly plain: readonly OpenFile[]
  readonly streams: readonly OpenStream[]
  /** The size of all files in bytes. */
  readonly size: number
  close(): void
}

/**
 * Opens logs, all of them before any is read: each is read as it is now, even if it is renamed, replaced or deleted.
 *
 * @param names as {@link resolveFiles} returns them
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE if one cannot be opened; then none stays open
 */
export function openLogs(names: readonly string[]): OpenLogs {
  const [plain, streams, fds]: [OpenFile[], OpenStream[], number[]] = [[], [], []]
  let size = 0
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd)
  }
  for (const name of names) {
    try {
      // Opening a pipe blocks until it has a writer, so a pipe is opened when it is read.
      if (name === STDIN || !statSync(name).isFile()) {
        streams.push({ name })
        continue
      }
      const fd = openSync(name, 'r')
      fds.push(fd)
      size += fstatSync(fd).size
      if (isCompressed(fd)) streams.push({ name, fd })
      else plain.push({ name, fd })
    } catch (error) {
      close()
      throw unreadableLog(name, error)
    }
  }
  return { plain, streams, size, close }
}

function isCompressed(fd: number): boolean {
  const head = Buffer.alloc(HEAD_BYTES)
  return detectCompression(head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))) !== undefined
}

function bytesOf(name: string, fd: number | undefined): AsyncIterable<Buffer> {
  if (fd !== undefined) return bytesFrom(fd)
  // Both streams yield buffers, because no encoding is set.
  return name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: STREAM_BYTES })
}

/** All bytes of an open file, or what comes from a pipe. Node's own streams would close the descriptor at the end. */
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
