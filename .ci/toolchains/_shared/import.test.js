import { createTracker, currentTraceId, memorySink } from 'throughline'
import * as express from 'throughline/express'
import * as nats from 'throughline/nats'

const tracked = () => {
  const sink = memorySink()
  const tracker = createTracker({ service: 'shop', logger: false, sinks: [sink] })
  const traceId = tracker.trackRequest(() => currentTraceId(), { path: 'pack' })()
  return { traceId, states: sink.records.map(({ state }) => state) }
}

test('a request is tracked', () => {
  const { traceId, states } = tracked()
  expect(traceId).toMatch(/^[0-9a-f-]{36}$/)
  expect(states).toEqual(['Received', 'Authenticated', 'Processing', 'Responded'])
  expect([typeof express.trackRequest, typeof nats.propagate]).toEqual(['function', 'function'])
})
