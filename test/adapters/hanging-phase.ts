import { expect } from 'vitest'
import type { RecordingTracker } from './http-host.ts'

/** Expects that a request which hangs before its handler is in Received, and is aborted when its caller leaves. */
export async function expectHangingPhase(
  server: RecordingTracker,
  url: string,
  reached: Promise<unknown>,
): Promise<void> {
  const leave = new AbortController()
  const answer = fetch(url, { signal: leave.signal }).catch(() => undefined)
  await reached
  expect(server.tracker.inFlight().map(({ state }) => state)).toEqual(['Received'])
  leave.abort()
  await answer
  await server.ended(1)
  expect(server.records.at(-1)).toMatchObject({ state: 'Failed', outcome: 'aborted' })
}
