import { expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { queueLine, queueTimes } from '../../src/history/queue-times.ts'
import { compile } from '../../src/machine/compile.ts'
import { trackerFixture, type TrackerFixture } from '../tracker-fixture.ts'

/** What is waited and worked of the requests of a service and its worker, in seconds. */
function times({ records }: TrackerFixture, machine = requestMachine): string[] {
  const table = compile(machine)
  return queueTimes(records.map((record) => queueLine(record, table))).map(({ of, ms }) => `${of} ${ms / 1_000}`)
}

async function sent(
  fixture: TrackerFixture,
  due?: number,
): Promise<{ carrier: Record<string, string>; wait: (seconds: number) => void }> {
  const wait = (seconds: number): void => void (fixture.clock.time += seconds * 1_000)
  const request = fixture.tracker.start()
  const carrier = await request.enqueue((headers) => headers, due === undefined ? {} : { due })
  return { carrier, wait }
}

test('the note ATTEMPT divides the time in a queue', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture)
  wait(500)
  const work = fixture.tracker.resume(carrier)
  wait(12)
  work.completed()
  expect(times(fixture)).toEqual(['waiting 500', 'working 12'])
})

test('each attempt has its own times, and the wait for a retry begins with its note', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture)
  wait(5)
  const first = fixture.tracker.resume(carrier)
  wait(1)
  first.finishDelivery({ outcome: 'error', error: new Error('no') }, true)
  wait(30)
  const second = fixture.tracker.resume(carrier, { attempt: 2 })
  wait(2)
  second.finishDelivery({ outcome: 'ok' }, false)
  expect(times(fixture)).toEqual(['waiting 5', 'working 1', 'waiting 30', 'working 2'])
})

test('a delayed message waits from its due time', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture, fixture.clock.time + 60_000)
  wait(61)
  fixture.tracker.resume(carrier).completed()
  expect(times(fixture)).toEqual(['waiting 1', 'working 0'])
})

test('a retry that the queue holds back waits from its due time', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture)
  wait(5)
  const first = fixture.tracker.resume(carrier)
  wait(1)
  first.finishDelivery({ outcome: 'error', retryDelayMs: 60_000 }, true)
  wait(61)
  fixture.tracker.resume(carrier, { attempt: 2 }).completed()
  expect(times(fixture)).toEqual(['waiting 5', 'working 1', 'waiting 1', 'working 0'])
})

test('after a worker that died nobody knows when the next wait began', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture)
  wait(5)
  fixture.tracker.resume(carrier)
  wait(60)
  const second = fixture.tracker.resume(carrier, { attempt: 2 })
  wait(2)
  second.completed()
  expect(times(fixture)).toEqual(['waiting 5', 'working 2'])
})

test('a clock that is behind makes no negative time', async () => {
  const fixture = trackerFixture()
  const { carrier, wait } = await sent(fixture)
  wait(-5)
  fixture.tracker.resume(carrier)
  expect(times(fixture)).toEqual(['waiting 0'])
})

test('a machine with a state for the worker needs no such times', async () => {
  const fixture = trackerFixture({ machine: requestWithRetriesMachine })
  const { carrier } = await sent(fixture)
  fixture.tracker.resume(carrier).completed()
  expect(times(fixture, requestWithRetriesMachine)).toEqual([])
})
