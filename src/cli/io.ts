import { writeSync } from 'node:fs'

/** Where a command writes, and how wide that is. */
export interface Io {
  out(text: string): void
  err(text: string): void
  /** Columns of the terminal; Infinity where the output is none. */
  readonly width: number
  readonly colour: boolean
  /** Whether somebody reads along on stderr, who may want to know how long it takes. */
  readonly watched: boolean
  /** Whether nobody reads the output any more. */
  readonly gone?: boolean
}

/** 0: nothing found wrong. 1: something was found. 2: bad usage, or input that cannot be read. */
export type ExitStatus = 0 | 1 | 2

let gone = false

/** The process's own output, written before the call returns: a status set afterwards cannot cut it off. */
export const processIo: Io = {
  out: (text) => write(1, text),
  err: (text) => write(2, text),
  // Some terminals tell no width, or 0.
  width: process.stdout.isTTY ? Math.max(60, process.stdout.columns || 100) : Infinity,
  colour: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  watched: process.stderr.isTTY,
  get gone() {
    return gone
  },
}

function write(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      // The reader has seen enough (head, less): that is no fault of ours, nor of the log.
      if (code === 'EPIPE') {
        gone ||= fd === 1
        return
      }
      if (code !== 'EAGAIN') throw error
    }
  }
}
