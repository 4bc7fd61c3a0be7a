import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LokiOptions } from '../../../src/logs/loki/connection.ts'
import { lokiLines } from '../../../src/logs/loki/loki-lines.ts'
import { readLoki } from '../../../src/logs/loki/read-loki.ts'
import type { LokiLine } from '../../../src/logs/loki/answer.ts'
import { ndjson, QUEUED, transitions } from '../../sample-log.ts'
import { lokiStandIn, serving, type Behaviour, type Stored } from './_loki.ts'

const QUERY = '{app=~".+"}'
/** The range of most tests: a second, whose ends no double can hold in nanoseconds. */
const START = 1_790_000_000_001
const END = START + 1_000
const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n

/** Waits for nothing, and keeps for how long it was to wait. */
function pauses(): { readonly waited: number[]; readonly wait: (ms: number) => Promise<void> } {
  const waited: number[] = []
  return { waited, wait: (ms) => Promise.resolve(void waited.push(ms)) }
}

async function read(url: string, options: Partial<LokiOptions> = {}): Promise<LokiLine[]> {
  const lines: LokiLine[] = []
  for await (const batch of lokiLines({ url, query: QUERY, start: START, end: END, wait: pauses().wait, ...options }))
    lines.push(...batch)
  return lines
}

const told = (lines: readonly LokiLine[]): string[] =>
  lines.map(({ time, stream, text }) => `${String(time)} ${stream} ${text}`)

/** What is to be read: each line once, in order of time, then of stream. */
function expected(stored: readonly Stored[]): string[] {
  const within = stored.filter(({ time }) => time >= ns(START) && time < ns(END))
  const named = within.map(({ time, labels, line }) => ({
    time,
    stream: `{${Object.entries(labels)
      .sort()
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(',')}}`,
    text: line,
  }))
  return [
    ...new Set(
      told(named.sort((a, b) => Number(a.time - b.time) || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0))),
    ),
  ]
}

/** Within one nanosecond of one stream Loki keeps an order of its own. */
const sorted = (lines: readonly string[]): string[] => lines.toSorted()
const timesOf = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, line.indexOf('}')))

const api = { app: 'api', pod: 'x' }
const line = (offset: bigint, text: string, labels: Stored['labels'] = api): Stored => ({
  labels,
  time: ns(START) + offset,
  line: text,
})

describe('lokiLines', () => {
  it('gives lines with their stream and time, in order of time over all streams', async () => {
    const { url, asked } = await lokiStandIn([
      line(5n, 'c'),
      line(1n, 'a', { z: 'é"', app: 'worker' }),
      line(3n, 'b'),
      line(2n, 'A', { app: 'worker' }),
    ])
    expect(await read(url)).toEqual([
      { text: 'a', stream: '{app="worker",z="é\\""}', time: 1_790_000_000_001_000_001n },
      { text: 'A', stream: '{app="worker"}', time: 1_790_000_000_001_000_002n },
      { text: 'b', stream: '{app="api",pod="x"}', time: 1_790_000_000_001_000_003n },
      { text: 'c', stream: '{app="api",pod="x"}', time: 1_790_000_000_001_000_005n },
    ])
    expect(asked.map((parameters) => Object.fromEntries(parameters))).toEqual([
      { query: QUERY, start: '1790000000001000000', end: '1790000001001000000', limit: '5000', direction: 'forward' },
    ])
  })

  it('takes the beginning of the range in, and leaves its end out', async () => {
    const { url } = await lokiStandIn([
      line(-1n, 'before'),
      line(0n, 'first'),
      line(ns(1_000) - 1n, 'last'),
      line(ns(1_000), 'after'),
    ])
    expect((await read(url)).map(({ text }) => text)).toEqual(['first', 'last'])
  })

  it('asks for nothing where the range is empty', async () => {
    const { url, asked } = await lokiStandIn([line(0n, 'a')])
    expect(await read(url, { end: START })).toEqual([])
    expect(asked).toEqual([])
  })

  it('gives all lines of the range, each once, whatever the limits and however often Loki fails', async () => {
    const places = fc.oneof(
      fc.integer({ min: -2, max: 12 }),
      fc.integer({ min: 0, max: 1_000_000_000 }),
      fc.integer({ min: 999_999_990, max: 1_000_000_002 }),
    )
    const lines = fc.array(
      fc.record({
        labels: fc.constantFrom<Stored['labels'][]>(api, { app: 'worker' }, { app: 'api', pod: 'y' }),
        time: places.map((place) => ns(START) + BigInt(place)),
        line: fc.constantFrom('a', 'b', 'ü', 'd\ne'),
      }),
      { maxLength: 40 },
    )
    const fault = fc.constantFrom<(number | 'reset' | 'torn')[]>(429, 500, 503, 'reset', 'torn')
    const behaviour = fc.record({
      maxEntries: fc.integer({ min: 13, max: 30 }),
      maxRangeMs: fc.oneof(fc.constant(Infinity), fc.integer({ min: 60, max: 2_000 })),
    })
    await fc.assert(
      fc.asyncProperty(
        lines,
        behaviour,
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.array(fault, { maxLength: 4 }), { maxLength: 20 }),
        async (stored, limits, limit, rounds) => {
          // Each round of faults ends with an answer: so no query meets more than four in a row.
          const waiting = rounds.map((round) => [...round])
          const faulty = (): ReturnType<NonNullable<Behaviour['faulty']>> => {
            const fault = waiting[0]?.shift()
            if (fault === undefined) waiting.shift()
            return fault
          }
          const { url, asked } = await lokiStandIn(stored, { ...limits, faulty })
          const got = told(await read(url, { limit }))
          expect(sorted(got)).toEqual(sorted(expected(stored)))
          expect(timesOf(got)).toEqual(timesOf(expected(stored)))
          expect(asked.length).toBeLessThan(200)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('begins the next page at the last nanosecond of a full one, without a line twice or lost', async () => {
    const stored = ['a', 'b', 'c', 'd'].map((text, index) => line(BigInt(index === 0 ? 0 : 7), text))
    const { url, asked } = await lokiStandIn(stored)
    expect((await read(url, { limit: 2 })).map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
    expect(asked.map((parameters) => [parameters.get('start')?.slice(-2), parameters.get('limit')])).toEqual([
      ['00', '2'],
      ['07', '2'],
      ['07', '4'],
    ])
  })

  it('keeps one page in memory, and asks for the next when that is used up', async () => {
    const { url, asked } = await lokiStandIn(
      Array.from({ length: 100 }, (_, index) => line(BigInt(index), String(index))),
    )
    const batches = lokiLines({ url, query: QUERY, start: START, end: END, limit: 10 })
    expect((await batches.next()).value).toHaveLength(9)
    expect(asked).toHaveLength(1)
    await batches.return(undefined)
    expect(asked).toHaveLength(1)
  })

  it('asks for smaller pages where the server gives fewer lines at once', async () => {
    const stored = Array.from({ length: 25 }, (_, index) => line(BigInt(index), String(index)))
    const { url, asked } = await lokiStandIn(stored, { maxEntries: 10 })
    expect(await read(url)).toHaveLength(25)
    expect(asked.map((parameters) => parameters.get('limit'))).toEqual(['5000', '10', '10', '10'])
  })

  it('asks for a range in parts where it is too long, and for none of them twice', async () => {
    const stored = Array.from({ length: 25 }, (_, index) => line(BigInt(index) * 40_000_000n, String(index)))
    const { url, asked } = await lokiStandIn(stored, { maxRangeMs: 300 })
    expect((await read(url)).map(({ text }) => text)).toEqual(stored.map(({ line: text }) => text))
    const lengths = asked.map(
      (parameters) => Number(BigInt(parameters.get('end') ?? 0) - BigInt(parameters.get('start') ?? 0)) / 1e6,
    )
    expect(lengths).toEqual([1_000, 500, 250, 250, 250, 250])
  })

  it.each([
    [
      'Failed to get bytes read stats for query: rpc error: code = Code(400) desc = the query time range exceeds the limit (query length: 1s, limit: 500ms)',
      500,
    ],
    [
      'the query would read too many bytes (query: 5GB, limit: 3GB); consider adding more specific stream selectors',
      400,
    ],
    ['the query hit the max number of chunks limit (limit: 2000000 chunks)', 400],
  ])('asks for less time where Loki says: %s', async (words, status) => {
    const lengths: bigint[] = []
    const url = await serving((req, res) => {
      const { searchParams } = new URL(req.url ?? '', 'http://loki')
      lengths.push(BigInt(searchParams.get('end') ?? 0) - BigInt(searchParams.get('start') ?? 0))
      if (lengths.length === 1) res.writeHead(status).end(words)
      else res.end('{"status":"success","data":{"resultType":"streams","result":[]}}')
    })
    await read(url)
    expect(lengths).toEqual([1_000_000_000n, 500_000_000n, 500_000_000n])
  })

  it.each(['response larger than the max message size (5 vs 4)', 'grpc: received message larger than max (5 vs. 4)'])(
    'asks for fewer lines where Loki says: %s',
    async (words) => {
      const limits: (string | null)[] = []
      const url = await serving((req, res) => {
        limits.push(new URL(req.url ?? '', 'http://loki').searchParams.get('limit'))
        if (limits.length === 1) res.writeHead(413).end(words)
        else res.end('{"status":"success","data":{"resultType":"streams","result":[]}}')
      })
      await read(url)
      expect(limits).toEqual(['5000', '2500'])
    },
  )

  it('gives up where even a millisecond is too long', async () => {
    const { url, asked } = await lokiStandIn([], { maxRangeMs: 0 })
    await expect(read(url)).rejects.toMatchObject({
      code: 'THROUGHLINE_LOKI_REFUSED',
      message: expect.stringMatching(/the query time range exceeds the limit.*ask for less/) as string,
    })
    expect(asked.length).toBeLessThan(12)
  })

  it.each([
    'max entries limit per query exceeded, limit > max_entries_limit_per_query (5 > 5000)',
    'response larger than the max message size (5 vs 4)',
  ])('gives up where no page is small enough: %s', async (words) => {
    let tries = 0
    const url = await serving((_req, res) => {
      tries += 1
      res.writeHead(400).end(words)
    })
    await expect(read(url)).rejects.toMatchObject({ code: 'THROUGHLINE_LOKI_REFUSED' })
    expect(tries).toBeLessThan(15)
  })

  it('goes back to pages of the usual size after a nanosecond that needed a larger one', async () => {
    const crowd = Array.from({ length: 6 }, (_, index) => line(0n, String(index)))
    const { url, asked } = await lokiStandIn([...crowd, line(1n, 'after')], { maxRangeMs: 500 })
    expect(await read(url, { limit: 4 })).toHaveLength(7)
    expect(asked.map((parameters) => parameters.get('limit'))).toEqual(['4', '4', '8', '4'])
  })

  it('asks for larger pages where one nanosecond fills one, and says so where the server has none', async () => {
    const crowd = Array.from({ length: 30 }, (_, index) => line(7n, String(index)))
    const stored = [line(1n, 'before'), ...crowd, line(9n, 'after')]
    const roomy = await lokiStandIn(stored, { maxEntries: 50 })
    expect(await read(roomy.url, { limit: 4 })).toHaveLength(32)
    const narrow = await lokiStandIn(stored, { maxEntries: 30 })
    await expect(read(narrow.url, { limit: 4 })).rejects.toMatchObject({
      code: 'THROUGHLINE_LOKI_REFUSED',
      message: `Loki at ${narrow.url}/loki/api/v1/query_range answered with 30 lines or more of one nanosecond (1790000000001000007), and gives no more at once: narrow --query, or raise max_entries_limit_per_query in its configuration`,
    })
  })
})

describe('readLoki', () => {
  it('gives entries as a file would, with the stream for the file and a running number for the line', async () => {
    const records = transitions(QUEUED)
    const own = ndjson(records)
      .trim()
      .split('\n')
      .map((text, index) => line(BigInt(index), text))
    const { url } = await lokiStandIn([...own, line(500n, 'plain text', { app: 'worker' })])
    const entries = []
    for await (const batch of readLoki({ url, query: QUERY, start: START, end: END })) entries.push(...batch)
    expect(entries.map(({ kind, file, line: number }) => [kind, file, number])).toEqual([
      ...own.map((_, index) => ['record', '{app="api",pod="x"}', index + 1]),
      ['other', '{app="worker"}', own.length + 1],
    ])
  })
})
