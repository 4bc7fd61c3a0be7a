import { pino } from 'pino'
import { Histories } from '../src/history/history.ts'
import { parseLine } from '../src/logs/parse-line.ts'
import { pinoSink } from '../src/sinks/pino.ts'
import type { PartialRecord } from '../src/record/partial-record.ts'
import type { LifecycleRecord, Sink } from '../src/record/record.ts'
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

/** The content of files, parsed line by line. */
export interface Evidence {
  readonly histories: Histories
  readonly fragments: readonly PartialRecord[]
  readonly counts: { readonly lines: number; readonly other_lines: number; readonly damaged_lines: number }
}

export function evidenceOf(files: Files): Evidence {
  const histories = new Histories()
  const fragments: PartialRecord[] = []
  const counts = { lines: 0, other_lines: 0, damaged_lines: 0 }
  for (const [file, texts] of Object.entries(files)) {
    for (const [index, text] of texts.entries()) {
      for (const entry of parseLine(text)) {
        counts.lines += 1
        if (entry.kind === 'record') histories.add(entry.record, file, index + 1)
        else if (entry.kind === 'other') counts.other_lines += 1
        else {
          counts.damaged_lines += 1
          if (entry.fragment !== undefined) fragments.push(entry.fragment)
        }
      }
    }
  }
  return { histories, fragments, counts }
}
