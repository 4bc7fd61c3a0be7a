import { fstatSync, writeSync } from 'node:fs'
import type { WriteToStream } from './replaced-stdout.ts'

/** Bytes kept for a destination that accepts nothing. More lines are dropped, so that memory stays bounded. */
const MAX_BACKLOG_BYTES = 16 * 1_024 * 1_024
/** A turn of the event loop that writes more than this is flushed before it ends. */
const MAX_BUFFERED_CHARS = 64 * 1_024
/** A write of at most this size to a pipe is atomic: writes of other processes cannot split it (POSIX). */
const PIPE_BUF = 4_096
const RETRY_MS = 100
const RETRY_FULL_PIPE_MS = 4
/** How often flush() waits for a full pipe whose reader reads nothing. */
const MAX_WAITS = 100
const WAIT_MS = 10

/**
 * Writes lines to a file descriptor, synchronously and in few system calls.
 *
 * Failed writes are retried: on a full pipe (EAGAIN) after a few milliseconds, after any other error (ENOSPC, EPIPE,
 * EIO) later, and that error is reported. Meanwhile lines are kept, in order and whole. No method throws.
 */
export class FdWriter {
  readonly #fd: number
  readonly #maxChunkBytes: number
  readonly #writeToStream: WriteToStream | undefined
  readonly #listeners = new Set<(error: unknown) => void>()
  #buffered = ''
  /** What could not be written yet, in order. The first part may start within a line. */
  #backlog: Buffer[] = []
  #backlogBytes = 0
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined

  /** @param writeToStream takes the lines where they belong elsewhere than on the descriptor */
  constructor(fd: number, writeToStream?: WriteToStream) {
    this.#fd = fd
    this.#writeToStream = writeToStream
    this.#maxChunkBytes = isFile(fd) ? Infinity : PIPE_BUF
  }

  /** Calls the listener for each failed write, and when lines are dropped. */
  onError(listener: (error: unknown) => void): void {
    this.#listeners.add(listener)
  }

  /** Buffers a line, with its line feed, until the end of this turn of the event loop at the latest. */
  write(line: string): void {
    this.#buffered += line
    if (this.#buffered.length > MAX_BUFFERED_CHARS) this.flushBuffer()
    else this.#turn ??= setImmediate(this.#onTurn)
  }

  /** Writes the buffered lines. While a failed write waits for its retry, they are queued behind it. */
  flushBuffer(): void {
    if (this.#buffered === '') return
    const text = this.#buffered
    this.#buffered = ''
    if (this.#writeToStream?.(text, this.#report) === true) return
    if (this.#backlog.length > 0) this.#addToBacklog(Buffer.from(text))
    else this.#write(text)
  }

  /** Writes everything before the process ends. Waits for a slow reader of a pipe, but not if nothing is read. */
  flush(): void {
    this.flushBuffer()
    for (let waits = 0; this.#backlog.length > 0 && waits < MAX_WAITS; waits += 1) {
      const before = this.#backlogBytes
      if (this.#writeBacklog() !== 'EAGAIN') return
      if (this.#backlogBytes < before) waits = 0
      Atomics.wait(NEVER_NOTIFIED, 0, 0, WAIT_MS)
    }
  }

  readonly #onTurn = (): void => {
    this.#turn = undefined
    this.flushBuffer()
  }

  readonly #onRetry = (): void => {
    this.#retry = undefined
    this.#writeBacklog()
  }

  #write(text: string): void {
    if (text.length * 3 > this.#maxChunkBytes) {
      this.#writeBytes(Buffer.from(text))
      return
    }
    try {
      const written = writeSync(this.#fd, text)
      // In ASCII, which most lines are, characters and bytes are the same number.
      if (written !== text.length && written !== Buffer.byteLength(text))
        this.#writeBytes(Buffer.from(text).subarray(written))
    } catch (error) {
      this.#onWriteError(error, Buffer.from(text))
    }
  }

  /** Writes in chunks. Returns the error code if that fails. */
  #writeBytes(bytes: Buffer): string | undefined {
    let rest = bytes
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest, 0, chunkLength(rest, this.#maxChunkBytes)))
      return undefined
    } catch (error) {
      return this.#onWriteError(error, rest)
    }
  }

  /** Retries what could not be written. Returns the error code if that fails. */
  #writeBacklog(): string | undefined {
    const backlog = this.#backlog
    this.#backlog = []
    this.#backlogBytes = 0
    for (const [index, bytes] of backlog.entries()) {
      const code = this.#writeBytes(bytes)
      if (code === undefined) continue
      for (const later of backlog.slice(index + 1)) this.#addToBacklog(later)
      return code
    }
    return undefined
  }

  #onWriteError(error: unknown, rest: Buffer): string | undefined {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    // EAGAIN is not an error: the pipe is full.
    const isFull = code === 'EAGAIN'
    if (!isFull) this.#report(error)
    this.#addToBacklog(rest)
    this.#retry ??= setTimeout(this.#onRetry, isFull ? RETRY_FULL_PIPE_MS : RETRY_MS).unref()
    return code
  }

  readonly #report = (error: unknown): void => {
    for (const listener of this.#listeners) listener(error)
  }

  #addToBacklog(bytes: Buffer): void {
    if (this.#backlogBytes + bytes.length > MAX_BACKLOG_BYTES) {
      this.#report(
        new Error(`the log cannot be written, and ${String(MAX_BACKLOG_BYTES)} bytes are waiting: lines are dropped`),
      )
      return
    }
    this.#backlog.push(bytes)
    this.#backlogBytes += bytes.length
  }
}

/** Atomics.wait() on it only ever times out: a synchronous sleep. */
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4))

/** The bytes of the next write: whole lines, unless the first one is too long. */
function chunkLength(bytes: Buffer, max: number): number {
  if (bytes.length <= max) return bytes.length
  const end = bytes.lastIndexOf(LINE_FEED, max - 1)
  return end === -1 ? max : end + 1
}

const LINE_FEED = 0x0a

/** Appending to a file is atomic at any size. */
function isFile(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    return stats.isFile() || stats.isCharacterDevice()
  } catch {
    // The descriptor is closed: the first write reports that.
    return false
  }
}
