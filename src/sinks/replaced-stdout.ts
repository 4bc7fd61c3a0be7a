import { fstatSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** Receives errors of the output; the lines of a write that failed are lost. */
type OnError = (error: unknown) => void

/** Writes lines to `process.stdout`; false if they belong on the descriptor instead. */
export type WriteToStream = (lines: string, onError: OnError) => boolean

/** Bytes that a stream may keep before more lines are dropped, as for a descriptor that accepts nothing. */
const MAX_WAITING_BYTES = 16 * 1_024 * 1_024

/**
 * Returns what writes lines to `process.stdout` where that leads elsewhere than to its descriptor: in a thread, whose
 * output its starter may read, and where a process manager or a test runner has replaced `process.stdout.write`.
 *
 * The first use of `process.stdout` makes a pipe non-blocking, for good. So in the main thread of a process with a pipe
 * nothing is looked at, unless pm2 says that it has replaced the method there.
 */
export function replacedStdout(fd: number): WriteToStream | undefined {
  if (isMainThread && !isFile(fd) && !isInPm2Cluster()) return undefined
  return (lines, onError) => {
    try {
      if (isMainThread && !Object.hasOwn(process.stdout, 'write')) return false
      // A replaced method may add to what it is given, such as a time: so each line is written alone.
      for (const line of lines.split(AFTER_LINE_FEED)) writeLine(line, onError)
    } catch (error) {
      onError(error)
    }
    return true
  }
}

const AFTER_LINE_FEED = /(?<=\n)/

function writeLine(line: string, onError: OnError): void {
  const { stdout } = process
  if (stdout.writableLength > MAX_WAITING_BYTES) {
    onError(new Error(`${String(MAX_WAITING_BYTES)} bytes of standard output are waiting: lines are dropped`))
    return
  }
  stdout.write(line, 'utf8', (error) => {
    if (!error) return
    onError(error)
    // The stream emits it too, and the process must not end with it.
    if (stdout.listenerCount('error') === 0) stdout.once('error', () => undefined)
  })
}

/** A file or a device, which the first use of `process.stdout` does not change. */
function isFile(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    return stats.isFile() || stats.isCharacterDevice()
  } catch {
    return false
  }
}

/** In its fork mode pm2 reads a pipe instead. */
function isInPm2Cluster(): boolean {
  const { pm_id, exec_mode } = process.env
  return pm_id !== undefined && exec_mode === 'cluster_mode'
}
