import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { tempFile } from './_program.ts'

/** An open pipe that nobody reads yet. */
export interface Pipe {
  /** For the writing process. To be closed here once that process has it: see {@link withWriteEnd}. */
  readonly writeEnd: number
  /** Starts to read. */
  read(): PipeReader
  /** Opens a reader that blocks this process until the last writer is gone, and then returns everything. */
  openBlocking(): () => string
}

export interface PipeReader {
  /** What has been read so far. */
  text(): string
  /** Resolves once this many lines have been read. */
  lines(count: number): Promise<void>
  /** Resolves once the last writer is gone. */
  readonly ended: Promise<void>
  /** Stops reading. Without another reader, later writes fail with EPIPE. */
  leave(): Promise<void>
}

/** A named pipe, which takes 64 KiB until it is full. */
export function namedPipe(): { readonly name: string; readonly open: () => Pipe } {
  const name = tempFile('pipe')
  execFileSync('mkfifo', [name])
  return {
    name,
    open: () => {
      // Opening the write end needs a reader; a non-blocking one needs no writer.
      const readEnd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
      return {
        writeEnd: openSync(name, 'w'),
        read: () => readFrom(readEnd),
        openBlocking: () => {
          const blockingEnd = openSync(name, 'r')
          closeSync(readEnd)
          return () => readToEnd(blockingEnd)
        },
      }
    },
  }
}

/** Reads a named pipe that already has a writer. */
export function readPipe(name: string): PipeReader {
  return readFrom(openSync(name, constants.O_RDONLY | constants.O_NONBLOCK))
}

function readFrom(fd: number): PipeReader {
  const socket = new Socket({ fd, readable: true, writable: false })
  const chunks: Buffer[] = []
  const waiting = new Set<() => void>()
  let linesRead = 0
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    for (const byte of chunk) if (byte === LINE_FEED) linesRead += 1
    for (const check of [...waiting]) check()
    // One chunk per turn of the event loop makes this a slow reader.
    socket.pause()
    setImmediate(() => socket.resume())
  })
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    text: () => Buffer.concat(chunks).toString(),
    ended,
    lines: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (linesRead < count) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    async leave() {
      socket.destroy()
      await ended
    },
  }
}

const LINE_FEED = 0x0a

function readToEnd(fd: number): string {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(65_536)
    const length = readSync(fd, chunk)
    if (length === 0) break
    chunks.push(chunk.subarray(0, length))
  }
  closeSync(fd)
  return Buffer.concat(chunks).toString()
}

/** Passes the write end to a process and closes it here, so that the reader sees the end once the process is gone. */
export async function withWriteEnd<T>({ writeEnd }: Pipe, start: (fd: number) => Promise<T>): Promise<T> {
  try {
    return await start(writeEnd)
  } finally {
    closeSync(writeEnd)
  }
}
