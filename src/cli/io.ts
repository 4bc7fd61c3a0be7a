import { writeSync } from 'node:fs'

/** The output of a command. */
export interface Io {
  out(text: string): void
  err(text: string): void
  /** Columns of the terminal; Infinity if the output is not a terminal. */
  readonly width: number
  readonly colour: boolean
  /** Whether stderr is a terminal, on which progress can be shown. */
  readonly watched: boolean
  /** Whether the output has been closed by its reader. */
  readonly gone?: boolean
}

/** 0: no problem found. 1: problems found. 2: bad usage or unreadable input. */
export type ExitStatus = 0 | 1 | 2

let gone = false

/** The output of this process. It is written synchronously, so that nothing is lost at exit. */
export const processIo: Io = {
  out: (text) => write(1, text),
  err: (text) => write(2, text),
  // Some terminals report no width, or 0.
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
      // The reader, such as head or less, has closed the pipe. That is not an error.
      if (code === 'EPIPE') {
        gone ||= fd === 1
        return
      }
      if (code !== 'EAGAIN') throw error
    }
  }
}
