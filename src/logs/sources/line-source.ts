import { readRecord } from '../../record/line.ts'
import type { LocatedEntry } from '../log-entry.ts'
import type { LogSource } from '../log-source.ts'
import { parseLine, type LogEntry } from '../parse-line.ts'
import { splitLines } from '../split-lines.ts'

/** Log lines from a program: strings of one line each, parsed lines or records, or the bytes of a log in chunks. */
export type LogLines = AsyncIterable<string | object> | Iterable<string | object>

const BATCH_LINES = 1_024

/** The lines that a program passes in. Their entries have no file name, only a line number. */
export function lineSource(lines: LogLines): LogSource {
  return {
    names: [],
    // Most iterables, such as streams and generators, can be read only once.
    rereadable: false,
    async *entries(): AsyncGenerator<LocatedEntry[]> {
      let batch: LocatedEntry[] = []
      let line = 0
      for await (const text of separateLines(lines)) {
        line += 1
        batch.push(...parse(text).map((entry): LocatedEntry => ({ ...entry, file: '', line })))
        if (batch.length < BATCH_LINES) continue
        yield batch
        batch = []
      }
      if (batch.length > 0) yield batch
    },
  }
}

/** Splits bytes into lines. Strings and objects are lines already. */
async function* separateLines(lines: LogLines): AsyncGenerator<string | object> {
  const source = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]()
  const first = await source.next()
  if (first.done === true) return
  const all = prepend(first.value, source)
  if (!(first.value instanceof Uint8Array)) yield* all
  else for await (const batch of splitLines(onlyBytes(all))) yield* batch.map(({ text }) => text)
}

async function* prepend<T>(first: T, rest: AsyncIterator<T> | Iterator<T>): AsyncGenerator<T> {
  try {
    yield first
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* onlyBytes(chunks: AsyncIterable<string | object>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('lines that start with bytes must contain only bytes')
    yield chunk
  }
}

function parse(line: string | object): LogEntry[] {
  if (typeof line === 'string') return parseLine(line)
  const record = readRecord(line)
  if (record === 'damaged') return [{ kind: 'damaged' }]
  return record === 'other' ? [{ kind: 'other', fields: line }] : [{ kind: 'record', record, fields: line }]
}
