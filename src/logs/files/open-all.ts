import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { STDIN, unreadableLog } from './open.ts'
import { HEAD_BYTES, detectCompression } from './decompress.ts'

/** A log that can be read in any place. */
export interface OpenFile {
  readonly name: string
  readonly fd: number
}

/** A log that can be read from its start to its end only: packed, or a pipe. */
export interface OpenStream {
  readonly name: string
  /** Where it is a file, which can be read more than once. */
  readonly fd?: number
}

/** Logs that are open, until they are closed. */
export interface OpenLogs {
  readonly plain: readonly OpenFile[]
  readonly streams: readonly OpenStream[]
  /** Bytes of all that are files. */
  readonly size: number
  close(): void
}

/**
 * Opens logs, all at once: whatever is renamed, replaced or deleted from now on, each is read as it is now.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for one that cannot be opened; then none stays open
 */
export function openLogs(names: readonly string[]): OpenLogs {
  const [plain, streams, fds]: [OpenFile[], OpenStream[], number[]] = [[], [], []]
  let size = 0
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd)
  }
  for (const name of names) {
    try {
      // To open a pipe waits for its writer: that is left to the moment at which it is read.
      if (name === STDIN || !statSync(name).isFile()) {
        streams.push({ name })
        continue
      }
      const fd = openSync(name, 'r')
      fds.push(fd)
      size += fstatSync(fd).size
      const head = Buffer.alloc(HEAD_BYTES)
      if (detectCompression(head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))) === undefined)
        plain.push({ name, fd })
      else streams.push({ name, fd })
    } catch (error) {
      close()
      throw unreadableLog(name, error)
    }
  }
  return { plain, streams, size, close }
}
