import { fstatSync, writeSync } from 'node:fs'

/** What is kept for a destination that takes nothing: beyond it lines are dropped, so that memory stays bounded. */
const MAX_BACKLOG_BYTES = 16 * 1_024 * 1_024
/** A turn that writes more than this hands it over in between. */
const MAX_BUFFERED_CHARS = 64 * 1_024
/** What is written to a pipe in one piece is never torn by others that write there (POSIX: PIPE_BUF). */
const PIPE_BUF = 4_096
const RETRY_MS = 100
const RETRY_FULL_PIPE_MS = 4
/** How long the end of a process waits for a pipe whose reader takes nothing. */
const MAX_WAITS = 100
const WAIT_MS = 10

/**
 * Lines on their way to a file descriptor, handed over synchronously and in few calls.
 *
 * A pipe that is full (EAGAIN) is tried again soon, whatever else fails (ENOSPC, EPIPE, EIO) is told and tried again
 * too; until then lines are kept, in order and whole. Nothing here throws.
 */
export class FdWriter {
  readonly #fd: number
  readonly #maxChunkBytes: number
  readonly #listeners = new Set<(error: unknown) => void>()
  #buffered = ''
  /** What the destination has not taken, in order; the first of it from the middle of a line perhaps. */
  #backlog: Buffer[] = []
  #backlogBytes = 0
  #turn: NodeJS.Immediate | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(fd: number) {
    this.#fd = fd
    this.#maxChunkBytes = isFile(fd) ? Infinity : PIPE_BUF
  }

  /** Has someone told of every write that failed, and of lines that had to be dropped. */
  onError(listener: (error: unknown) => void): void {
    this.#listeners.add(listener)
  }

  /** Takes a line, its line feed included; it is handed over at the end of this turn of the event loop, if not sooner. */
  write(line: string): void {
    this.#buffered += line
    if (this.#buffered.length > MAX_BUFFERED_CHARS) this.flushGathered()
    else this.#turn ??= setImmediate(this.#onTurn)
  }

  /** Hands over what is gathered; to a destination that failed just now it waits until that is tried again. */
  flushGathered(): void {
    if (this.#buffered === '') return
    const text = this.#buffered
    this.#buffered = ''
    if (this.#backlog.length > 0) this.#addToBacklog(Buffer.from(text))
    else this.#write(text)
  }

  /** Hands over everything, before the process ends: waits for a pipe whose reader is slow, but not for one that takes nothing. */
  flush(): void {
    this.flushGathered()
    for (let waits = 0; this.#backlog.length > 0 && waits < MAX_WAITS; waits += 1) {
      const before = this.#backlogBytes
      if (this.#writeBacklog() !== 'EAGAIN') return
      if (this.#backlogBytes < before) waits = 0
      Atomics.wait(CLOCK, 0, 0, WAIT_MS)
    }
  }

  readonly #onTurn = (): void => {
    this.#turn = undefined
    this.flushGathered()
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
      const taken = writeSync(this.#fd, text)
      // For text of one byte a character, as ours is, the first comparison says it all.
      if (taken !== text.length && taken !== Buffer.byteLength(text))
        this.#writeBytes(Buffer.from(text).subarray(taken))
    } catch (error) {
      this.#onWriteError(error, Buffer.from(text))
    }
  }

  /** Writes in pieces; tells how that failed. */
  #writeBytes(bytes: Buffer): string | undefined {
    let rest = bytes
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest, 0, chunkLength(rest, this.#maxChunkBytes)))
      return undefined
    } catch (error) {
      return this.#onWriteError(error, rest)
    }
  }

  /** Tries again what was kept; tells how that failed. */
  #writeBacklog(): string | undefined {
    const kept = this.#backlog
    this.#backlog = []
    this.#backlogBytes = 0
    for (const [index, bytes] of kept.entries()) {
      const failure = this.#writeBytes(bytes)
      if (failure === undefined) continue
      for (const later of kept.slice(index + 1)) this.#addToBacklog(later)
      return failure
    }
    return undefined
  }

  #onWriteError(error: unknown, rest: Buffer): string | undefined {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    // A full pipe is no fault: its reader is slow.
    const full = code === 'EAGAIN'
    if (!full) this.#report(error)
    this.#addToBacklog(rest)
    this.#retry ??= setTimeout(this.#onRetry, full ? RETRY_FULL_PIPE_MS : RETRY_MS).unref()
    return code
  }

  #report(error: unknown): void {
    for (const listener of this.#listeners) listener(error)
  }

  #addToBacklog(bytes: Buffer): void {
    if (this.#backlogBytes + bytes.length > MAX_BACKLOG_BYTES) {
      this.#report(
        new Error(`the log takes no lines, ${String(MAX_BACKLOG_BYTES)} bytes of them are kept, and more are lost`),
      )
      return
    }
    this.#backlog.push(bytes)
    this.#backlogBytes += bytes.length
  }
}

/** Only waited on: nobody ever wakes it. */
const CLOCK = new Int32Array(new SharedArrayBuffer(4))

/** How much of it goes out in one piece: whole lines, where they fit. */
function chunkLength(bytes: Buffer, most: number): number {
  if (bytes.length <= most) return bytes.length
  const end = bytes.lastIndexOf(LINE_FEED, most - 1)
  return end === -1 ? most : end + 1
}

const LINE_FEED = 0x0a

/** A file takes what is appended to it in one piece, however long. */
function isFile(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    return stats.isFile() || stats.isCharacterDevice()
  } catch {
    // A descriptor that is closed: the first write will tell.
    return false
  }
}
