import { pino } from 'pino'
import { Evidence } from '../src/audit/evidence.ts'
import { parseLine } from '../src/logs/parse-line.ts'
import { pinoSink } from '../src/sinks/pino.ts'
import type { LifecycleRecord, Sink } from '../src/transition/record.ts'
import { linesStream } from './lines.ts'

const { stream, lines } = linesStream()
const sinks = new Map<string, Sink>()
let time = 0
const fail = (error: unknown): never => {
  throw error
}

/** The lines that our own pino sink writes for records, each by the sink of its service. */
export function linesOf(records: readonly LifecycleRecord[]): string[] {
  lines.length = 0
  for (const record of records) {
    let sink = sinks.get(record.service)
    if (sink === undefined) {
      const logger = pino({ base: null, timestamp: () => `,"time":${String(time)}` }, stream)
      sinks.set(record.service, (sink = pinoSink(logger, record.service, fail)))
    }
    time = record.time
    sink.write(record)
  }
  return [...lines]
}

/** What an audit makes of files, given by name and line. */
export function evidenceOf(files: Readonly<Record<string, readonly string[]>>): Evidence {
  const evidence = new Evidence()
  for (const [file, texts] of Object.entries(files)) {
    for (const [index, text] of texts.entries()) {
      for (const entry of parseLine(text)) {
        if (entry.kind === 'record') evidence.record(entry.record, file, index + 1)
        else if (entry.kind === 'damaged') evidence.damaged(entry.fragment)
        else evidence.other()
      }
    }
  }
  return evidence
}
