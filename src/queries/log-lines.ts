import type { LocatedEntry } from '../logs/log-entry.ts'
import { parseEntry } from '../logs/scan/entry-blocks.ts'
import { splitLines } from '../logs/split-lines.ts'

/** Lines of a log from anywhere: texts of lines, parsed lines or records, or the bytes of a whole log in pieces. */
export type LogLines = AsyncIterable<string | object> | Iterable<string | object>

/** So many lines are handed on together. */
const BATCH = 1_024

/** Reads lines into entries, batch by batch; where they stand is told by their number alone. */
export async function* batchEntries(lines: LogLines): AsyncGenerator<LocatedEntry[]> {
  let batch: LocatedEntry[] = []
  let line = 0
  for await (const text of textLines(lines)) {
    line += 1
    batch.push(...parseEntry(text).map((entry): LocatedEntry => ({ ...entry, file: '', line })))
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Lines one by one: bytes are split, all else is a line as it is. */
async function* textLines(lines: LogLines): AsyncGenerator<string | object> {
  const source = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]()
  const first = await source.next()
  if (first.done === true) return
  const rest = resumed(first.value, source)
  if (!(first.value instanceof Uint8Array)) yield* rest
  else for await (const batch of splitLines(onlyBytes(rest))) yield* batch.map(({ text }) => text)
}

async function* resumed<T>(first: T, source: AsyncIterator<T> | Iterator<T>): AsyncGenerator<T> {
  try {
    yield first
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
  } finally {
    await source.return?.()
  }
}

async function* onlyBytes(chunks: AsyncIterable<string | object>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a log that begins with bytes goes on with bytes')
    yield chunk
  }
}
