import { expect, test } from 'vitest'
import { audit } from '../../src/queries/audit.ts'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { trackerFixture } from '../tracker-fixture.ts'

test('a request whose process noted its shutdown has that as the cause, and a hanging one has none', async () => {
  const { tracker, records, clock } = trackerFixture()
  const [left, ended] = [tracker.start(), tracker.start()]
  ended.responded()
  tracker.close()
  clock.time += 1_000
  const hanging = tracker.start()
  const { stuck } = await audit(records, { now: clock.time + 60_000 })
  expect(stuck.map(({ request_id, cause }) => [request_id, cause])).toEqual([
    [left.requestId, 'shutdown'],
    [hanging.requestId, null],
  ])
})

test('a message that another worker has received since was not left', async () => {
  const { tracker, records, clock } = trackerFixture()
  const carrier = await tracker.start().enqueue((headers) => headers)
  tracker.resume(carrier)
  tracker.close()
  const now = (): number => clock.time + 3_600_000
  expect((await audit(records, { now: now() })).stuck).toMatchObject([{ state: 'Queued', cause: 'shutdown' }])
  clock.time += 5_000
  tracker.resume(carrier, { attempt: 2 })
  expect((await audit(records, { now: now() })).stuck).toMatchObject([{ attempts: 2, cause: null }])
})

test('neither was a request that went on', async () => {
  const { tracker, records, clock } = trackerFixture({ machine: requestWithRetriesMachine })
  const request = tracker.start()
  tracker.close()
  clock.time += 1
  request.authenticated()
  const { stuck } = await audit(records, { now: clock.time + 3_600_000, machine: requestWithRetriesMachine })
  expect(stuck).toMatchObject([{ state: 'Authenticated', cause: null }])
})
