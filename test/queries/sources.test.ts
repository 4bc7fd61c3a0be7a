import { describe, expect, test } from 'vitest'
import type { LocatedEntry } from '../../src/logs/log-entry.ts'
import type { LogSource } from '../../src/logs/log-source.ts'
import { EntryBlocks } from '../../src/logs/scan/entry-blocks.ts'
import type { TraceSearchOptions } from '../../src/logs/trace-search.ts'
import type { TransitionRecord } from '../../src/record/record.ts'
import { auditSource } from '../../src/queries/audit-source.ts'
import { storyOfSource } from '../../src/queries/story-source.ts'
import { BEGUN, QUEUED, TRACE, transitions } from '../sample-log.ts'

const toEntry = (record: TransitionRecord, index: number): LocatedEntry => ({
  kind: 'record',
  record,
  fields: record,
  file: 'a.log',
  line: index + 1,
})
const ENTRIES = transitions(QUEUED).map(toEntry)

async function* once<T>(value: T): AsyncGenerator<T> {
  yield await Promise.resolve(value)
}

const minimal: LogSource = { names: [], rereadable: false, entries: () => once(ENTRIES) }
const unused = (): never => {
  throw new Error('there is a shorter path')
}

describe('auditSource', () => {
  test('audits a source that has only entries', async () => {
    expect(await auditSource(minimal, { now: BEGUN + 1e9 })).toMatchObject({
      checked: { lines: 4, requests: 1 },
      stuck: [{ state: 'Queued' }],
    })
  })

  test('reads blocks if the source has them', async () => {
    const source: LogSource = {
      ...minimal,
      entries: unused,
      async *blocks() {
        yield* await Promise.resolve(new EntryBlocks().toBlocks(ENTRIES))
      },
    }
    expect(await auditSource(source, { now: 'end' })).toEqual(await auditSource(minimal, { now: 'end' }))
  })

  test('reads the source a second time if late lines require it and the source allows it', async () => {
    // An ended request is evicted after 20,000 others have ended. Then its first line is repeated.
    const records = Array.from({ length: 20_500 }, (_, index) =>
      transitions(['AUTH_ERROR'], { request_id: `b7ad6b71692${10_000 + index}` }, index * 10_000),
    )
    const entries = [...records, records[0] ?? []].map((lines) => lines.map(toEntry))
    const readings = async (rereadable: boolean): Promise<[requests: number, readings: number]> => {
      let count = 0
      const source: LogSource = {
        names: [],
        rereadable,
        async *entries() {
          count += 1
          for (const batch of entries) yield await Promise.resolve(batch)
        },
      }
      const { checked } = await auditSource(source, { now: 'end' })
      return [checked.requests, count]
    }
    expect(await readings(true)).toEqual([20_500, 2])
    expect(await readings(false)).toEqual([20_500, 1])
  })
})

describe('storyOfSource', () => {
  test('reads all entries of a source that cannot search', async () => {
    expect(await storyOfSource(TRACE, minimal)).toMatchObject({ requests: [{ state: 'Queued' }] })
    expect(await storyOfSource('abc-123', minimal)).toBeUndefined()
  })

  test('lets a source search that can, and tells it how much of the trace is known', async () => {
    const searches: [string, TraceSearchOptions][] = []
    const progress: unknown[] = []
    const source: LogSource = {
      ...minimal,
      entries: unused,
      async *entriesOfTrace(traceId, options) {
        searches.push([traceId, options])
        progress.push(options.progress?.())
        yield await Promise.resolve(ENTRIES.map((entry) => ({ ...entry, offset: 0 })))
        progress.push(options.progress?.())
      },
    }
    expect(await storyOfSource(TRACE, source, { full: true, skewMs: 7 })).toEqual(await storyOfSource(TRACE, minimal))
    expect(searches).toMatchObject([[TRACE, { full: true, skewMs: 7 }]])
    expect(progress).toEqual(['unknown', 'open'])
  })
})
