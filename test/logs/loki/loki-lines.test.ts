import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LokiOptions } from '../../../src/logs/loki/connection.ts'
import { lokiLines } from '../../../src/logs/loki/loki-lines.ts'
import type { LokiLine } from '../../../src/logs/loki/answer.ts'
import { lokiStandIn, serving, type Behaviour, type Stored } from './_loki.ts'

const QUERY = '{app=~".+"}'
/** The range of most tests: one second, whose ends in nanoseconds exceed the precision of a number. */
const START = 1_790_000_000_001
const END = START + 1_000
const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n

/** A `wait` that returns at once and records the requested pauses. */
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

const toText = (lines: readonly LokiLine[]): string[] =>
  lines.map(({ time, stream, text }) => `${time} ${stream} ${text}`)

/** The lines in the range, each once, sorted by time and stream. */
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
      toText(named.sort((a, b) => Number(a.time - b.time) || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : 0))),
    ),
  ]
}

/** Loki does not define the order of lines within one nanosecond of one stream. */
const sorted = (lines: readonly string[]): string[] => lines.toSorted()
const timesOf = (lines: readonly string[]): string[] => lines.map((line) => line.slice(0, line.indexOf('}')))

const api = { app: 'api', pod: 'x' }
const line = (offset: bigint, text: string, labels: Stored['labels'] = api): Stored => ({
  labels,
  time: ns(START) + offset,
  line: text,
})

describe('lokiLines', () => {
  it('yields lines with their stream and time, in order of time over all streams', async () => {
    const { url, queries } = await lokiStandIn([
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
    expect(queries.map((parameters) => Object.fromEntries(parameters))).toEqual([
      { query: QUERY, start: '1790000000001000000', end: '1790000001001000000', limit: '5000', direction: 'forward' },
    ])
  })

  it('includes the start of the range and excludes its end', async () => {
    const { url } = await lokiStandIn([
      line(-1n, 'before'),
      line(0n, 'first'),
      line(ns(1_000) - 1n, 'last'),
      line(ns(1_000), 'after'),
    ])
    expect((await read(url)).map(({ text }) => text)).toEqual(['first', 'last'])
  })

  it('sends no query for an empty range', async () => {
    const { url, queries } = await lokiStandIn([line(0n, 'a')])
    expect(await read(url, { end: START })).toEqual([])
    expect(queries).toEqual([])
  })

  it('yields all lines of the range, each once, with any limits and failures of the server', async () => {
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
          // Each round of faults ends with an answer, so no query fails more than four times in a row.
          const remaining = rounds.map((round) => [...round])
          const faulty = (): ReturnType<NonNullable<Behaviour['faulty']>> => {
            const fault = remaining[0]?.shift()
            if (fault === undefined) remaining.shift()
            return fault
          }
          const { url, queries } = await lokiStandIn(stored, { ...limits, faulty })
          const got = toText(await read(url, { limit }))
          expect(sorted(got)).toEqual(sorted(expected(stored)))
          expect(timesOf(got)).toEqual(timesOf(expected(stored)))
          expect(queries.length).toBeLessThan(200)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('starts the next page at the last nanosecond of a full one, and yields each line once', async () => {
    const stored = ['a', 'b', 'c', 'd'].map((text, index) => line(BigInt(index === 0 ? 0 : 7), text))
    const { url, queries } = await lokiStandIn(stored)
    expect((await read(url, { limit: 2 })).map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
    expect(queries.map((parameters) => [parameters.get('start')?.slice(-2), parameters.get('limit')])).toEqual([
      ['00', '2'],
      ['07', '2'],
      ['07', '4'],
    ])
  })

  it('requests the next page only after the previous one has been consumed', async () => {
    const { url, queries } = await lokiStandIn(
      Array.from({ length: 100 }, (_, index) => line(BigInt(index), String(index))),
    )
    const batches = lokiLines({ url, query: QUERY, start: START, end: END, limit: 10 })
    expect((await batches.next()).value).toHaveLength(9)
    expect(queries).toHaveLength(1)
    await batches.return(undefined)
    expect(queries).toHaveLength(1)
  })

  it('requests smaller pages if the limit of the server is lower', async () => {
    const stored = Array.from({ length: 25 }, (_, index) => line(BigInt(index), String(index)))
    const { url, queries } = await lokiStandIn(stored, { maxEntries: 10 })
    expect(await read(url)).toHaveLength(25)
    expect(queries.map((parameters) => parameters.get('limit'))).toEqual(['5000', '10', '10', '10'])
  })

  it('requests a range that is too long in parts, each once', async () => {
    const stored = Array.from({ length: 25 }, (_, index) => line(BigInt(index) * 40_000_000n, String(index)))
    const { url, queries } = await lokiStandIn(stored, { maxRangeMs: 300 })
    expect((await read(url)).map(({ text }) => text)).toEqual(stored.map(({ line: text }) => text))
    const lengths = queries.map(
      (parameters) => Number(BigInt(parameters.get('end') ?? 0) - BigInt(parameters.get('start') ?? 0)) / 1e6,
    )
    expect(lengths).toEqual([1_000, 500, 250, 250, 250, 250])
  })

  it.each([
    ['rpc error: code = Code(400) desc = the query time range exceeds the limit (query length: 1s, limit: 500ms)', 500],
    [
      'the query would read too many bytes (query: 5GB, limit: 3GB); consider adding more specific stream selectors',
      400,
    ],
    ['the query hit the max number of chunks limit (limit: 2000000 chunks)', 400],
  ])('requests a shorter range if Loki answers: %s', async (words, status) => {
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
    'requests fewer lines if Loki answers: %s',
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

  it('throws if even a millisecond is too long', async () => {
    const { url, queries } = await lokiStandIn([], { maxRangeMs: 0 })
    await expect(read(url)).rejects.toMatchObject({
      code: 'THROUGHLINE_LOKI_REFUSED',
      message: expect.stringMatching(/the query time range exceeds the limit.*narrow the range/) as string,
    })
    expect(queries.length).toBeLessThan(12)
  })

  it.each([
    'max entries limit per query exceeded, limit > max_entries_limit_per_query (5 > 5000)',
    'response larger than the max message size (5 vs 4)',
  ])('throws if no page is small enough: %s', async (words) => {
    let attempts = 0
    const url = await serving((_req, res) => {
      attempts += 1
      res.writeHead(400).end(words)
    })
    await expect(read(url)).rejects.toMatchObject({ code: 'THROUGHLINE_LOKI_REFUSED' })
    expect(attempts).toBeLessThan(15)
  })

  it('returns to the usual page size after a nanosecond that needed a larger one', async () => {
    const crowd = Array.from({ length: 6 }, (_, index) => line(0n, String(index)))
    const { url, queries } = await lokiStandIn([...crowd, line(1n, 'after')], { maxRangeMs: 500 })
    expect(await read(url, { limit: 4 })).toHaveLength(7)
    expect(queries.map((parameters) => parameters.get('limit'))).toEqual(['4', '4', '8', '4'])
  })

  it('requests larger pages if one nanosecond fills one, and throws if the server has none', async () => {
    const crowd = Array.from({ length: 30 }, (_, index) => line(7n, String(index)))
    const stored = [line(1n, 'before'), ...crowd, line(9n, 'after')]
    const roomy = await lokiStandIn(stored, { maxEntries: 50 })
    expect(await read(roomy.url, { limit: 4 })).toHaveLength(32)
    const narrow = await lokiStandIn(stored, { maxEntries: 30 })
    await expect(read(narrow.url, { limit: 4 })).rejects.toMatchObject({
      code: 'THROUGHLINE_LOKI_REFUSED',
      message:
        `Loki at ${narrow.url}/loki/api/v1/query_range answered with 30 or more lines of one nanosecond ` +
        '(1790000000001000007), its limit per query: ' +
        'narrow --query, or raise max_entries_limit_per_query in its configuration',
    })
  })
})
