import { describe, expect, onTestFinished, test } from 'vitest'
import type { Tracker } from '../../src/handlers/tracker.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { summarizeTransitions } from '../tracker-fixture.ts'
import { ask } from './http-client.ts'
import { recordingTracker, type RunningServer } from './http-host.ts'

/** An application whose own authentication knows callers by their `authorization` header, and answers others. */
export interface AuthenticatingApp {
  readonly tracker: Tracker
  readonly auth?: 'manual'
  /** What it answers to a caller whom it does not know. */
  readonly refusal: number
  /** Called by its own authentication. */
  readonly onCheck: () => void
  /** Runs in the handler of `/`, behind `authenticated()`; returns the body. */
  readonly handle: () => string
}

/** The contract of `authenticated()`, for frameworks without a phase before the handler. */
export function describeAuthenticated(serve: (app: AuthenticatingApp) => Promise<RunningServer>): void {
  async function call(authorization: string, given: { auth?: 'manual'; refusal?: number } = { auth: 'manual' }) {
    const recording = recordingTracker()
    const states: (string | undefined)[] = []
    const seen = (): void => void states.push(currentRequest()?.state)
    const server = await serve({
      refusal: 401,
      ...given,
      tracker: recording.tracker,
      onCheck: seen,
      handle: () => {
        seen()
        return String(currentRequest()?.principal)
      },
    })
    onTestFinished(() => server.close())
    const answer = await ask(server.url, { headers: { authorization } })
    await recording.ended(1)
    return { answer, states, records: recording.records, faults: recording.tracker.stats.faults }
  }

  describe('authenticated()', () => {
    test('a request is Received during authentication, and in Processing in its handler', async () => {
      const { answer, states, records, faults } = await call('anna')
      expect(answer).toMatchObject({ status: 200, body: 'anna' })
      expect(states).toEqual(['Received', 'Processing'])
      expect(summarizeTransitions(records)).toEqual([
        '0 Received',
        '1 AUTH_OK Authenticated',
        '2 PROCESS Processing implied',
        '3 RESPOND Responded ok',
      ])
      expect(faults).toBe(0)
    })

    test.each([401, 403])('a caller who is refused with %d is denied', async (refusal) => {
      const { states, records } = await call('nobody', { auth: 'manual', refusal })
      expect(states).toEqual(['Received'])
      expect(records.at(-1)).toMatchObject({ event: 'AUTH_ERROR', state: 'Failed', outcome: 'denied', status: refusal })
    })

    test("without auth: 'manual' it changes nothing, which is reported", async () => {
      const { answer, records, faults } = await call('anna', {})
      expect(answer).toMatchObject({ status: 200, body: 'undefined' })
      expect(records.map(({ lifecycle }) => lifecycle)).not.toContain('rejected')
      expect(faults).toBe(1)
    })
  })
}
