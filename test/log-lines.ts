import { pino } from 'pino'
import { pinoSink } from '../src/sinks/pino.ts'
import type { LifecycleRecord } from '../src/record/record.ts'
import type { Sink } from '../src/record/sink.ts'
import { linesStream } from './lines.ts'

const { stream, lines } = linesStream()
const sinks = new Map<string, Sink>()
let time = 0
const fail = (error: unknown): never => {
  throw error
}

/** The lines that the pino sinks of the records' services write. */
export function linesOf(records: readonly LifecycleRecord[]): string[] {
  lines.length = 0
  for (const record of records) {
    let sink = sinks.get(record.service)
    if (sink === undefined) {
      const logger = pino({ base: null, timestamp: () => `,"time":${time}` }, stream)
      sinks.set(record.service, (sink = pinoSink(logger, record.service, fail)))
    }
    time = record.time
    sink.write(record)
  }
  return [...lines]
}

/** The lines of files, by name. */
export type Files = Readonly<Record<string, readonly string[]>>
