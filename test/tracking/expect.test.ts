import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { audit } from '../../src/queries/audit.ts'
import type { EntryOptions } from '../../src/handlers/entry.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { START, summarize, trackerFixture, type TrackerFixture } from '../tracker-fixture.ts'

const HOUR = 3_600_000

/** The requests that are stuck in the process, and those that an audit of its records finds, at this time. */
async function stuckAt({ tracker, records, clock }: TrackerFixture, time: number): Promise<[string[], string[]]> {
  clock.time = time
  const { stuck } = await audit(records, { now: time })
  return [tracker.stuck().map(({ request_id }) => request_id), stuck.map(({ request_id }) => request_id)]
}

/** A request that is answered by an event stream which does not end. */
async function openStream(
  fixture: TrackerFixture,
  options: EntryOptions<Request>,
  handle: () => void = () => undefined,
): Promise<void> {
  const started = deferred()
  const stream = (): Promise<Response> => {
    handle()
    started.resolve()
    return deferred<Response>().promise
  }
  void fixture.tracker.trackRequest(stream, options)(new Request('http://localhost/events'))
  await started.promise
}

describe.each<[string, (fixture: TrackerFixture) => unknown]>([
  ['request.expect()', (fixture) => openStream(fixture, {}, () => currentRequest()?.expect('1h'))],
  ['the option expect', (fixture) => openStream(fixture, { expect: '1h' })],
  [
    'the option expect as a function',
    (fixture) => openStream(fixture, { expect: ({ url }) => (url.includes('events') ? HOUR : undefined) }),
  ],
  [
    'request.expect() of one that is driven by hand',
    ({ tracker }) => {
      const request = tracker.start()
      request.authenticated()
      request.processing()
      request.expect(HOUR)
    },
  ],
])('an event stream of an hour, by %s,', (_, open) => {
  test('is not stuck before, and is after, in its process and in an audit', async () => {
    const fixture = trackerFixture()
    await open(fixture)
    const due = START + HOUR
    expect(await stuckAt(fixture, due)).toEqual([[], []])
    expect(await stuckAt(fixture, due + 30_000)).toEqual([[], []])
    const id = fixture.records[0]?.request_id
    expect(await stuckAt(fixture, due + 30_001)).toEqual([[id], [id]])
    expect(fixture.tracker.stuck()).toMatchObject([{ state: 'Processing', due, stuck_after_ms: 30_000 }])
  })
})

test('the due time is on the lines that are written after it is known', async () => {
  const fixture = trackerFixture()
  await openStream(fixture, { expect: '1h' })
  expect(fixture.records.map(({ due }) => due)).toEqual([undefined, START + HOUR, START + HOUR])
})

test('other requests are stuck as before', async () => {
  const fixture = trackerFixture()
  const { tracker } = fixture
  const [first, second, third] = [tracker.start(), tracker.start(), tracker.start()]
  second.expect('1h')
  expect(await stuckAt(fixture, START + 10_001)).toEqual(
    Array(2).fill([first, third].map(({ requestId }) => requestId)),
  )
})

test('a later call replaces the time', async () => {
  const fixture = trackerFixture()
  const request = fixture.tracker.start()
  request.expect('1h')
  fixture.clock.time += 1
  request.expect('1m')
  expect(await stuckAt(fixture, START + 70_002)).toEqual(Array(2).fill([request.requestId]))
})

test.each<[string | number, RegExp]>([
  ['soon', /"soon" is not a duration/],
  [-1, /-1 is not a duration/],
  [Infinity, /Infinity is too long: write at most 36500d/],
  ['36501d', /36501d is too long/],
  [36_500 * 86_400_000 + 1, /3153600000001 is too long/],
])('the duration %s is counted as a fault that says why, and changes nothing', (duration, message) => {
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => stderr.mockRestore())
  const { tracker, records } = trackerFixture()
  const request = tracker.start()
  request.expect(duration)
  expect(request.due).toBeUndefined()
  expect(tracker.stats.faults).toBe(1)
  expect(stderr.mock.calls.map(([text]) => String(text))).toEqual([expect.stringMatching(message)])
  expect(summarize(records)).toEqual(['0 Received'])
})

test('a request may be meant to last for a hundred years', () => {
  const { tracker } = trackerFixture()
  const request = tracker.start()
  request.expect('36500d')
  expect(request.due).toBe(START + 36_500 * 86_400_000)
  expect(tracker.stats.faults).toBe(0)
})

test('a message with a due time has it on its line and in its carrier; the request of the handler has its own', async () => {
  const { tracker, records } = trackerFixture()
  const request = tracker.start()
  request.expect('1h')
  const headers = await request.enqueue((carrier) => carrier, { due: START + 60_000 })
  expect(headers['x-lifecycle']).toBe(`${request.requestId};Queued;3;${START};${START + 60_000}`)
  expect(records.at(-1)).toMatchObject({ state: 'Queued', due: START + 60_000 })
  expect(tracker.resume(headers).state).toBe('Queued')
})

test('a worker that gets a delayed message counts from its due time, as an audit does', async () => {
  const fixture = trackerFixture()
  const { tracker, clock } = fixture
  const headers = await tracker.start().enqueue((carrier) => carrier, { due: START + HOUR })
  clock.time = START + HOUR + 5_000
  const { requestId } = tracker.resume(headers)
  expect(await stuckAt(fixture, START + HOUR + 900_000)).toEqual([[], []])
  expect(await stuckAt(fixture, START + HOUR + 900_001)).toEqual([[requestId], [requestId]])
})

test.each([undefined, requestWithRetriesMachine])(
  'a retry that the queue holds back has its due time, and not that of the worker before it',
  async (machine) => {
    const fixture = trackerFixture(machine === undefined ? {} : { machine })
    const { tracker, records } = fixture
    const headers = await tracker.start().enqueue((carrier) => carrier)
    const retried = (attempt: number, retryDelayMs?: number): void => {
      const work = tracker.resume(headers, { attempt })
      work.expect('2h')
      work.finishDelivery({ outcome: 'error', retryDelayMs }, true)
    }
    retried(1, HOUR)
    expect(records.at(-1)).toMatchObject({ event: 'RETRY', state: 'Queued', due: START + HOUR })
    expect(await stuckAt(fixture, START + HOUR + 900_000)).toEqual([[], []])
    expect((await stuckAt(fixture, START + HOUR + 900_001))[1]).toHaveLength(1)
    for (const [index, delay] of [undefined, 0, -1, Number.NaN, Infinity, 1e20].entries()) {
      retried(index + 2, delay)
      expect(records.at(-1)).not.toHaveProperty('due')
    }
    expect(tracker.stats.faults).toBe(0)
  },
)

test.each([Number.NaN, Infinity, -1, 1e20, 'soon', {}])(
  'a due time of %s is counted, and the message goes without',
  async (due) => {
    const { tracker } = trackerFixture()
    const headers = await tracker.start().enqueue((carrier) => carrier, { due: due as number })
    expect(headers['x-lifecycle']?.split(';')).toHaveLength(4)
    expect(tracker.stats.faults).toBe(1)
    expect(tracker.resume(headers).state).toBe('Queued')
  },
)

test('a due time may be a Date', async () => {
  const { tracker, records } = trackerFixture()
  await tracker.start().enqueue(() => 'sent', { due: new Date(START + 60_000) })
  expect(records.at(-1)?.due).toBe(START + 60_000)
})

test.each(['2 hours', Infinity, '36501d'])(
  'the option expect is checked when the handler is wrapped: %s',
  (duration) => {
    const { tracker } = trackerFixture()
    expect(() => tracker.trackRequest(() => new Response(), { expect: duration })).toThrow(
      expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }),
    )
  },
)
