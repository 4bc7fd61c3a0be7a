import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { STDIN, unreadableLog } from './log-files.ts'
import { PlainFile } from './plain-file.ts'
import { HEAD_BYTES, packingOf } from './unpacked.ts'

/** A log that can be read from its start to its end only: packed, or a pipe. */
export interface LogStream {
  readonly name: string
  /** Where it is a file. */
  readonly fd?: number
}

/** Logs that are open, until they are closed. */
export interface OpenLogs {
  readonly plain: readonly PlainFile[]
  readonly streams: readonly LogStream[]
  close(): void
}

/**
 * Opens logs, all at once: whatever is renamed, replaced or deleted from now on, each is read as it is now.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for one that cannot be opened; then none stays open
 */
export function openLogs(names: readonly string[]): OpenLogs {
  const [plain, streams, fds]: [PlainFile[], LogStream[], number[]] = [[], [], []]
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
      const head = Buffer.alloc(HEAD_BYTES)
      if (packingOf(head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))) === undefined) plain.push(new PlainFile(name, fd))
      else streams.push({ name, fd })
    } catch (error) {
      close()
      throw unreadableLog(name, error)
    }
  }
  return { plain, streams, close }
}
