import { openSync, writeSync } from 'node:fs'
import type { Destination } from './_destination.ts'

/** For those that keep nothing for longer than a turn. */
const always = (): Promise<void> => Promise.resolve()

/** Writes nothing: what making lines and turning costs by itself. */
export function nothing(): Destination {
  return { line: () => undefined, entered: () => undefined, flush: () => undefined, ready: always }
}

/** One write call per line. */
export function perLine(file: string): Destination {
  const fd = openSync(file, 'a')
  return { line: (text) => void writeSync(fd, text), entered: () => undefined, flush: () => undefined, ready: always }
}

/**
 * The lines of one turn of the event loop, gathered and written in one call.
 *
 * @param entry whether what is gathered is written before a handler runs, too
 */
export function gathered(file: string, entry: boolean): Destination {
  const fd = openSync(file, 'a')
  let kept = ''
  let due = false
  const flush = (): void => {
    due = false
    if (kept === '') return
    const text = kept
    kept = ''
    writeSync(fd, text)
  }
  return {
    line: (text) => {
      kept += text
      if (due) return
      due = true
      setImmediate(flush)
    },
    entered: entry ? flush : () => undefined,
    flush,
    ready: always,
  }
}
