import { openSync, writeSync } from 'node:fs'
import type { Destination } from './_destination.ts'

const noop = (): void => undefined

/** For destinations that buffer nothing beyond one turn of the event loop. */
const drained = (): Promise<void> => Promise.resolve()

/** Writes nothing, to measure the cost of the lines and the loop alone. */
export function noOutput(): Destination {
  return { write: noop, beforeHandler: noop, flush: noop, drained }
}

/** One write call per line. */
export function perLine(file: string): Destination {
  const fd = openSync(file, 'a')
  return { write: (line) => void writeSync(fd, line), beforeHandler: noop, flush: noop, drained }
}

/**
 * Buffers the lines of one turn of the event loop and writes them in one call.
 *
 * @param flushBeforeHandler whether to write the buffer before a handler runs too
 */
export function perTurn(file: string, flushBeforeHandler: boolean): Destination {
  const fd = openSync(file, 'a')
  let buffer = ''
  let scheduled = false
  const flush = (): void => {
    scheduled = false
    if (buffer === '') return
    const lines = buffer
    buffer = ''
    writeSync(fd, lines)
  }
  return {
    write: (line) => {
      buffer += line
      if (scheduled) return
      scheduled = true
      setImmediate(flush)
    },
    beforeHandler: flushBeforeHandler ? flush : noop,
    flush,
    drained,
  }
}
