import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { trackerFixture } from '../tracker-fixture.ts'

test('JSON and the console show the ids of a request and where it is, and nothing of its tracker', () => {
  const { tracker } = trackerFixture()
  const requests = [tracker.start({ 'x-trace-id': 'abc-123' }), tracker.start()]
  const shown = { traceId: 'abc-123', requestId: '0000000000000001', state: 'Received', seq: 0 }
  expect(JSON.parse(JSON.stringify(requests[0]))).toEqual(shown)
  expect(JSON.stringify(requests).length).toBeLessThan(300)
  expect(inspect(requests[0])).toContain("traceId: 'abc-123'")
  expect(inspect(requests)).not.toContain('core')
})
