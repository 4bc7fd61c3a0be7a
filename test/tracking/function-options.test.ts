import { describe, expect, expectTypeOf, test } from 'vitest'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import { summarize, trackerFixture } from '../tracker-fixture.ts'

interface Job {
  readonly name: string
  readonly headers?: Readonly<Record<string, string>>
}

describe('a function of which some calls are ignored', () => {
  test('has an id and a context in them, and no line', () => {
    const { tracker, records } = trackerFixture()
    const work = tracker.trackRequest((job: Job) => `${job.name} ${currentTraceId()}`, {
      path: (job: Job) => job.name,
      ignore: (job: Job) => job.name === 'heartbeat',
    })
    expect(work({ name: 'heartbeat' })).toBe('heartbeat trace-1')
    expect(records).toEqual([])
    expect(work({ name: 'bill' })).toBe('bill trace-2')
    expect(records[0]).toMatchObject({ path: 'bill', trace_id: 'trace-2' })
    expect(tracker.stats).toMatchObject({ requests: 1, inFlight: 0, faults: 0 })
  })

  test('logs a call that resumes a request, which has lines already', async () => {
    const sender = trackerFixture()
    let headers: Record<string, string> = {}
    await sender.tracker.start().enqueue((given) => void (headers = given))
    const { tracker, records } = trackerFixture()
    tracker.trackRequest((_: Job) => undefined, { carrier: (job: Job) => job.headers, ignore: () => true })({
      name: 'bill',
      headers,
    })
    expect(summarize(records).at(-1)).toMatch(/COMPLETE \w+ ok$/)
    expect(records.every(({ request_id }) => request_id === sender.records[0]?.request_id)).toBe(true)
  })

  test('sends its messages as children: a worker would continue a request without lines', async () => {
    const { tracker, records } = trackerFixture()
    const sent: Record<string, string>[] = []
    await tracker.trackRequest((_: Job) => currentRequest()?.enqueue((headers) => sent.push(headers)), {
      path: 'heartbeat',
      ignore: () => true,
    })({ name: 'heartbeat' })
    expect(sent[0]).toMatchObject({ 'x-trace-id': 'trace-1' })
    expect(sent[0]).not.toHaveProperty('x-lifecycle')
    expect(records).toEqual([])
    expect(tracker.stats).toMatchObject({ requests: 0, inFlight: 0, rejected: 0 })
  })

  test('sends its signals into nothing, and a hanging one is not stuck', () => {
    const { tracker, records, clock } = trackerFixture()
    void tracker.trackRequest(
      (_: Job) => {
        currentRequest()?.note('BEAT')
        currentRequest()?.send('NO_SUCH')
        currentRequest()?.authenticated()
        return new Promise(() => undefined)
      },
      { path: 'heartbeat', ignore: () => true },
    )({ name: 'heartbeat' })
    clock.time += 86_400_000
    expect([records, tracker.stuck(), tracker.inFlight(), tracker.stats.rejected]).toEqual([[], [], [], 0])
  })
})

test('fields are the data of the first line, also of the one that resumes a request', async () => {
  const sender = trackerFixture()
  let headers: Record<string, string> = {}
  await sender.tracker.start().enqueue((given) => void (headers = given))
  const { tracker, records } = trackerFixture({ newRequestId: () => 'f'.repeat(13) + '000' })
  const options = { carrier: (job: Job) => job.headers, fields: ({ name }: Job) => ({ name }) }
  const work = tracker.trackRequest((_: Job) => undefined, options)
  work({ name: 'first', headers })
  work({ name: 'second' })
  const firsts = records.filter((record, index) => record.request_id !== records[index - 1]?.request_id)
  expect(firsts.map(({ data }) => data)).toEqual([{ name: 'first' }, { name: 'second' }])
  expect(records.filter(({ data }) => data !== undefined)).toHaveLength(2)
})

test('a message is read under the names of the option, after x-trace-id', () => {
  const { tracker, records } = trackerFixture({ headers: { read: ['x-request-id'] } })
  const work = tracker.trackRequest((_: Job) => undefined, { carrier: (job: Job) => job.headers })
  work({ name: 'a', headers: { 'x-request-id': 'second', 'x-trace-id': 'first' } })
  work({ name: 'b', headers: { 'x-request-id': 'second' } })
  expect([...new Set(records.map(({ trace_id }) => trace_id))]).toEqual(['first', 'second'])
})

test('newTraceId gets the message', () => {
  const sources: unknown[] = []
  const { tracker } = trackerFixture({ newTraceId: (source) => `id-${String(sources.push(source))}` })
  const job: Job = { name: 'bill' }
  tracker.trackRequest((_: Job) => undefined, { path: 'bill' })(job)
  tracker.start({ a: '1' })
  tracker.start(undefined, { source: 'host' })
  expect(sources).toEqual([job, { a: '1' }, 'host'])
})

test('the type of a function stays what it was, with any path', () => {
  const { tracker } = trackerFixture()
  expectTypeOf(tracker.trackRequest(() => 1, { path: 'job' })).toEqualTypeOf<() => number>()
  const path = (job: Job): string => job.name
  expectTypeOf(tracker.trackRequest((job: Job) => job.name, { path })).toEqualTypeOf<(job: Job) => string>()
})
