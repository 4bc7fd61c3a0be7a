import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { fileNamed } from './_program.ts'

/** A pipe whose reader reads when it is told to, and not before. */
export interface Pipe {
  /** For the process that writes; to be closed here once that has it. */
  readonly writeEnd: number
  /** Begins to read. */
  read(): Reader
}

/** The reading of a pipe. */
export interface Reader {
  /** What has been read so far. */
  text(): string
  /** Resolves once so many lines have been read. */
  lines(count: number): Promise<void>
  /** Resolves once nobody writes any more. */
  readonly ended: Promise<void>
  /** Reads no more: who writes from now on gets EPIPE, if there is no other reader. */
  leave(): Promise<void>
}

/** A pipe with a name, which takes 64 KiB before it is full. */
export function namedPipe(): { readonly name: string; readonly open: () => Pipe } {
  const name = fileNamed('pipe')
  execFileSync('mkfifo', [name])
  return {
    name,
    open: () => {
      // A reader that does not wait for a writer, and then a writer, which finds a reader.
      const readEnd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
      return { writeEnd: openSync(name, 'w'), read: () => reading(readEnd) }
    },
  }
}

/** Reads a pipe by name that has a writer already. */
export function readPipe(name: string): Reader {
  return reading(openSync(name, constants.O_RDONLY | constants.O_NONBLOCK))
}

function reading(fd: number): Reader {
  const socket = new Socket({ fd, readable: true, writable: false })
  const chunks: Buffer[] = []
  const waiting = new Set<() => void>()
  let read = 0
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    for (const byte of chunk) if (byte === 10) read += 1
    for (const look of [...waiting]) look()
    // A slow one: it takes its time over each piece.
    socket.pause()
    setImmediate(() => socket.resume())
  })
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    text: () => Buffer.concat(chunks).toString(),
    ended,
    lines: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (read < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async leave() {
      socket.destroy()
      await ended
    },
  }
}

/** Gives the writing end to whoever starts with it, and keeps none here: its reader learns when the writer has gone. */
export async function givenTo<T>({ writeEnd }: Pipe, starting: (fd: number) => Promise<T>): Promise<T> {
  try {
    return await starting(writeEnd)
  } finally {
    closeSync(writeEnd)
  }
}
