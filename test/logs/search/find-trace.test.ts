import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { requestMachine } from '../../../machines/request.ts'
import { Histories } from '../../../src/history/history.ts'
import { progressOf } from '../../../src/history/trace-progress.ts'
import { compile } from '../../../src/machine/compile.ts'
import { openLogs } from '../../../src/logs/files/open.ts'
import { findTrace, type FindOptions } from '../../../src/logs/search/find-trace.ts'
import type { FoundEntry, Searched } from '../../../src/logs/trace-search.ts'
import type { LogEntry } from '../../../src/logs/parse-line.ts'
import { readLogs } from '../../read-logs.ts'
import { canonicalTraceId, w3cTraceId } from '../../../src/trace/trace-id.ts'
import type { LifecycleRecord, TransitionRecord } from '../../../src/record/record.ts'
import { T0, trueLog, uuid } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { note, QUEUED, SYNC, transition, transitions } from '../../sample-log.ts'

const TABLE = compile(requestMachine)
const folder = mkdtempSync(join(tmpdir(), 'throughline-find-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function fileOf(content: string | Buffer): string {
  const path = join(folder, `${String((files += 1)).padStart(4, '0')}.log`)
  writeFileSync(path, content)
  return path
}

/** The entries of the trace that a story uses, sorted. */
function ownEntries(entries: readonly (LogEntry & { readonly file: string })[], traceId: string): string[] {
  const keys = new Set([canonicalTraceId(traceId), w3cTraceId(traceId)])
  return entries
    .flatMap((entry) => {
      if (entry.kind === 'damaged' || entry.fields === undefined) return []
      const id = 'trace_id' in entry.fields ? entry.fields.trace_id : undefined
      return typeof id === 'string' && keys.has(canonicalTraceId(id))
        ? [JSON.stringify([entry.file, entry.kind, entry.fields])]
        : []
    })
    .sort()
}

async function* find(names: readonly string[], traceId: string, options?: FindOptions): AsyncGenerator<FoundEntry[]> {
  const logs = openLogs(names)
  try {
    yield* findTrace(logs, traceId, options)
  } finally {
    logs.close()
  }
}

async function readAll(names: readonly string[], traceId: string): Promise<string[]> {
  const entries = []
  for await (const some of readLogs(names)) entries.push(...some)
  return ownEntries(entries, traceId)
}

/** The entries that are found if the search may stop at the end of the trace, and how much was searched. */
async function found(
  names: readonly string[],
  traceId: string,
  options: FindOptions = {},
): Promise<{ entries: string[]; searched: Searched }> {
  const histories = new Histories()
  const entries = []
  let searched: Searched = { bytes: 0, total: 0 }
  const finding = find(names, traceId, {
    progress: () => progressOf(histories, TABLE),
    onSearched: (all) => (searched = all),
    ...options,
  })
  for await (const some of finding) {
    entries.push(...some)
    for (const entry of some) {
      if (entry.kind === 'record' && canonicalTraceId(entry.record.trace_id) === canonicalTraceId(traceId))
        histories.add(entry.record, entry.file, entry.offset)
    }
  }
  return { entries: ownEntries(entries, traceId), searched }
}

const HOUR = 3_600_000
const STEP = 4_000
/** 3 MB of third-party lines over twelve hours, some without a time. */
const OTHERS = Array.from({ length: (12 * HOUR) / STEP }, (_, index) => {
  const time = T0 + index * STEP
  const fields = { level: 30, time, service: 'other', trace_id: uuid(time, index), msg: 'x'.repeat(150) }
  return { time, text: index % 50 === 7 ? 'a line without JSON' : JSON.stringify(fields) }
})
const SIZE = OTHERS.reduce((bytes, { text }) => bytes + text.length + 1, 0)

/** Lines of records among third-party lines, by time. */
function among(
  records: readonly LifecycleRecord[],
  others: readonly { readonly time: number; readonly text: string }[] = OTHERS,
): string {
  const own = linesOf(records).map((text, index) => ({ time: records[index]?.time ?? 0, text }))
  return [...others, ...own]
    .sort((a, b) => a.time - b.time)
    .map(({ text }) => `${text}\n`)
    .join('')
}

/** The records of a request that starts so long after {@link T0}, in a trace that starts then. */
function requestAt(
  start: number,
  events: readonly string[],
  fields: Partial<TransitionRecord> = {},
): TransitionRecord[] {
  const trace_id = uuid(T0 + start, 4_095)
  return transitions(events, { trace_id, ...fields }, start)
}

const idOf = (records: readonly LifecycleRecord[]): string => records[0]?.trace_id ?? ''

describe('the search finds the same as a complete reading', () => {
  const anySpelling = (id: string): fc.Arbitrary<string> =>
    fc.constantFrom(id, id.toUpperCase(), id.replaceAll('-', ''), id.replaceAll('-', '').toUpperCase())

  test('in random logs: several files, compressed or not, damaged, cut anywhere, ids in any spelling', async () => {
    const log = trueLog(requestMachine).chain((all) => {
      const ids = [...new Set(all.records.map(({ trace_id }) => trace_id)), 'abc-123']
      return fc.record({
        records: fc.constant(all.records),
        // An id that is not a UUID, of which some services log the W3C trace-id.
        text: fc.boolean(),
        traceId: fc.constantFrom(...ids).chain(anySpelling),
        spellings: fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
        end: fc.constantFrom('\n', '\r\n'),
        cut: fc.nat(300),
        files: fc.integer({ min: 1, max: 3 }),
        compressed: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        overwritten: fc.array(fc.nat(100_000), { maxLength: 5 }),
      })
    })
    await fc.assert(
      fc.asyncProperty(
        log,
        async ({ records, text, traceId, spellings, end, cut, files: count, compressed, overwritten }) => {
          const lines = linesOf(records).map((line, index) => {
            const spelling = spellings[index % spellings.length] ?? 0
            const id = text ? (spelling % 2 === 0 ? 'abc-123' : w3cTraceId('abc-123')) : undefined
            return line.replace(/"trace_id":"([^"]*)"/, (_, own: string) => {
              const spellingsOfOwn = [
                own,
                own.toUpperCase(),
                own.replaceAll('-', ''),
                own.replaceAll('-', '').toUpperCase(),
              ]
              return `"trace_id":"${id ?? spellingsOfOwn[spelling] ?? own}"`
            })
          })
          const names = Array.from({ length: count }, (_, index) => {
            const mine = Buffer.from(lines.filter((__, line) => line % count === index).join(end))
            for (const at of overwritten) if (at < mine.length) mine[at] = 0x20
            const whole = mine.subarray(0, Math.max(0, mine.length - cut))
            return fileOf(compressed[index] === true ? gzipSync(whole) : whole)
          })
          const expected = await readAll(names, traceId)
          expect((await found(names, traceId)).entries).toEqual(expected)
          expect((await found(names, traceId, { full: true })).entries).toEqual(expected)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('in a long log, at any start of the trace and for any path of its requests', async () => {
    const path = fc.constantFrom(SYNC, QUEUED, [...QUEUED, 'COMPLETE'], ['AUTH_OK'])
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 * HOUR }),
        path,
        fc.integer({ min: -250_000, max: 250_000 }),
        fc.boolean(),
        async (start, events, skew, ended) => {
          const records = requestAt(start, events).map((record) => ({ ...record, time: record.time + skew }))
          const text = among(records)
          const name = fileOf(ended ? text : text.slice(0, -1))
          expect((await found([name], idOf(records))).entries).toEqual(await readAll([name], idOf(records)))
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('a UUID version 7 contains the start of the trace', () => {
  test('so that only a part of the file is read for a trace that has ended', async () => {
    const records = requestAt(6 * HOUR, SYNC)
    const name = fileOf(among(records))
    const { entries, searched } = await found([name], idOf(records))
    expect(entries).toHaveLength(4)
    expect(searched.total).toBeGreaterThan(SIZE)
    expect(searched.bytes).toBeLessThan(SIZE / 2)
    expect(searched.from).toBe(T0 + 6 * HOUR - 300_000)
  })

  test('so that only the end of an older file is read', async () => {
    const records = requestAt(6 * HOUR, SYNC)
    const middle = OTHERS.length / 2
    const names = [fileOf(among([], OTHERS.slice(0, middle - 200))), fileOf(among(records, OTHERS.slice(middle - 200)))]
    const { entries, searched } = await found(names, idOf(records))
    expect(entries).toHaveLength(4)
    expect(searched.bytes).toBeLessThan(2_000_000)
  })

  test('and full reads everything anyway', async () => {
    const records = requestAt(6 * HOUR, SYNC)
    const { entries, searched } = await found([fileOf(among(records))], idOf(records), { full: true })
    expect(entries).toHaveLength(4)
    expect(searched).toEqual({ bytes: searched.total, total: searched.total })
  })

  test('and the search continues while a request is queued, for any time', async () => {
    const queued = requestAt(HOUR, QUEUED)
    const worker = { trace_id: idOf(queued), service: 'worker', attempt: 1, time: T0 + 3 * HOUR }
    const done = transition({ ...worker, seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', outcome: 'ok' })
    const { entries, searched } = await found([fileOf(among([...queued, done]))], idOf(queued))
    expect(entries).toHaveLength(5)
    expect(searched.bytes).toBeLessThan(searched.total)
  })

  test('and while a child message has not been received', async () => {
    const sender = requestAt(HOUR, SYNC)
    const sent = note('ENQUEUE', {
      trace_id: idOf(sender),
      time: T0 + HOUR + 1_500,
      state: 'Processing',
      data: { child: true },
    })
    const child = requestAt(HOUR, SYNC, { request_id: 'b7ad6b7169203339', service: 'worker' }).map((record) => ({
      ...record,
      time: record.time + 2 * HOUR,
      ...(record.seq === 0 ? { parent_id: 'b7ad6b7169203331' } : {}),
    }))
    const { entries, searched } = await found([fileOf(among([...sender, sent, ...child]))], idOf(sender))
    expect(entries).toHaveLength(9)
    expect(searched.bytes).toBeLessThan(searched.total)
  })

  test('from which clocks of other services may differ by skewMs', async () => {
    const records = requestAt(6 * HOUR, SYNC)
    const early = requestAt(6 * HOUR, SYNC, { request_id: 'b7ad6b7169203339', service: 'catalog' }).map((record) => ({
      ...record,
      time: record.time - 3 * HOUR,
    }))
    const name = fileOf(among([...records, ...early]))
    expect((await found([name], idOf(records))).entries).toHaveLength(4)
    expect((await found([name], idOf(records), { skewMs: 4 * HOUR })).entries).toHaveLength(8)
  })

  test.each([
    ['before the log begins', -9 * HOUR],
    ['after it ends', 24 * HOUR],
    ['hours before its lines', 2 * HOUR],
    ['hours after its lines', 10 * HOUR],
  ])('and if it is wrong, %s, everything is searched', async (_, traceStart) => {
    const trace_id = uuid(T0 + traceStart, 7)
    const records = transitions([...QUEUED, 'COMPLETE'], { trace_id }, 6 * HOUR)
    expect((await found([fileOf(among(records))], trace_id)).entries).toHaveLength(5)
  })

  test('and if the first lines are missing, the part before is searched for them', async () => {
    const trace_id = uuid(T0 + 10 * HOUR, 7)
    const records = [
      ...transitions(QUEUED, { trace_id }, 2 * HOUR),
      transition({
        trace_id,
        attempt: 1,
        time: T0 + 10 * HOUR,
        seq: 4,
        event: 'COMPLETE',
        from: 'Queued',
        state: 'Completed',
      }),
    ]
    expect((await found([fileOf(among(records))], trace_id)).entries).toHaveLength(5)
  })
})

describe('unusual files', () => {
  const records = requestAt(6 * HOUR, SYNC)
  const filler = (lines: number, text: (index: number) => string): string =>
    Array.from({ length: lines }, (_, index) => `${text(index)}\n`).join('')

  test.each([
    [
      'out of order: the first half at the end',
      [...OTHERS.slice(OTHERS.length / 2), ...OTHERS.slice(0, OTHERS.length / 2)]
        .map(({ text }) => `${text}\n`)
        .join('') + linesOf(records).join('\n'),
    ],
    [
      'without a time on any line but its own',
      filler(20_000, (index) => `line ${index} without JSON, ${'x'.repeat(60)}`) + linesOf(records).join('\n'),
    ],
    [
      'with nonsense times here and there',
      among(
        records,
        OTHERS.map((one, index) =>
          index % 5 === 0
            ? { ...one, text: one.text.replace(/"time":\d+/, `"time":${index % 2 === 0 ? 1e8 : 4e12}`) }
            : one,
        ),
      ),
    ],
    [
      'all of the same time',
      filler(9_000, (index) => JSON.stringify({ level: 30, time: T0 + 6 * HOUR, index, msg: 'x'.repeat(100) })) +
        linesOf(records).join('\n'),
    ],
    [
      'of lines that are longer than a look',
      filler(150, (index) => JSON.stringify({ level: 30, msg: 'x'.repeat(20_000), time: T0 + index * 300_000 })) +
        linesOf(requestAt(12.5 * HOUR, SYNC)).join('\n'),
    ],
    [
      'of few lines that are longer than any line may be',
      filler(3, (index) => JSON.stringify({ level: 30, time: T0 + index * 6 * HOUR, msg: 'x'.repeat(1_500_000) })) +
        linesOf(records).join('\n'),
    ],
    ['empty', ''],
    ['of one line', JSON.stringify(records[0])],
  ])('%s: everything is found', async (_, content) => {
    const name = fileOf(content)
    for (const id of [idOf(records), idOf(requestAt(12.5 * HOUR, SYNC))])
      expect((await found([name], id)).entries).toEqual(await readAll([name], id))
  })

  test('renamed or deleted during the search are read to their end', async () => {
    const all = requestAt(6 * HOUR, [...QUEUED, 'COMPLETE'])
    const names = all.map((record) => fileOf(linesOf([record]).join('')))
    const finding = find(names, idOf(all))
    let lines = 0
    for await (const some of finding) {
      lines += some.length
      const [next = '', last = ''] = [names[1], names[2]]
      if (lines === 1) renameSync(next, `${next}.1`)
      if (lines === 1) rmSync(last)
    }
    expect(lines).toBe(5)
  })

  test('with damaged lines: those with the id are found', async () => {
    const [line = ''] = linesOf(records)
    const entries = []
    for await (const some of find([fileOf(`${line.slice(0, -20)}\n`)], idOf(records))) entries.push(...some)
    expect(entries).toMatchObject([{ kind: 'damaged', offset: 0 }])
  })

  test('compressed and corrupted: everything up to the corruption is found, and it is reported', async () => {
    const whole = Buffer.from(linesOf(records).join('\n'))
    const name = fileOf(Buffer.concat([gzipSync(whole), Buffer.from('no gzip')]))
    const sentences: string[] = []
    expect(
      (await found([name], idOf(records), { onDamage: (sentence) => sentences.push(sentence) })).entries,
    ).toHaveLength(4)
    expect(sentences).toEqual([
      expect.stringMatching(/^.*\.log is corrupted \(.*\): it was read up to there; fetch it again$/),
    ])
  })

  test('missing: the error names the file', async () => {
    await expect(found([join(folder, 'gone.log')], 'abc-123')).rejects.toThrow(
      /cannot read .*gone\.log: there is no such file/,
    )
  })
})
