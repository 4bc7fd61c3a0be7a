import { afterEach, describe, expect, test, vi } from 'vitest'
import { makeFaulty } from '../faulty-tracker.ts'
import { ask } from './http-client.ts'
import { recordingTracker, type Handle, type OwnOptions, type RunningServer, type Serve } from './http-host.ts'

/** Fewer accesses than any request makes: a host that tracks nothing would pass otherwise. */
const MIN_ACCESSES = 20

/** What a host answers while tracking fails, at one place after the other. */
export function describeFaults(serve: Serve): void {
  describe('an error of ours, at any place,', () => {
    let serving: RunningServer | undefined
    const stderr = vi.spyOn(process.stderr, 'write')
    afterEach(async () => {
      stderr.mockRestore()
      await serving?.close()
    })

    test.each<[what: string, own: OwnOptions, handle: Handle, status: number, body: string]>([
      ['a handler', {}, () => ({ body: 'fine' }), 200, 'fine'],
      [
        'a handler that takes its time',
        {},
        async ({ body }) => {
          await body()
          return { status: 201, body: 'fine' }
        },
        201,
        'fine',
      ],
      ['a caller who is known', { authenticate: () => Promise.resolve('anna') }, () => ({ body: 'fine' }), 200, 'fine'],
      ['a caller who is refused', { authenticate: () => false }, () => expect.unreachable(), 401, ''],
      [
        'functions of the user',
        { ignore: () => false, path: (_, path) => path, fields: () => ({ tenant: 1 }) },
        () => ({ body: 'fine' }),
        200,
        'fine',
      ],
    ])('changes no answer: %s', async (_, own, handle, status, body) => {
      stderr.mockReturnValue(true)
      const { tracker } = recordingTracker()
      const { arm, accesses } = makeFaulty(tracker)
      serving = await serve({ tracker, handle, ...own })
      const { url } = serving
      let at = 0
      do {
        at += 1
        arm(at)
        const answer = await ask(url, { method: 'POST', body: 'hello', headers: { 'content-type': 'text/plain' } })
        expect({ at, status: answer.status, body: status === 401 ? '' : answer.body }).toEqual({ at, status, body })
        // The end of the request is recorded after the client has its answer.
        await new Promise((resolve) => setImmediate(resolve))
      } while (accesses() >= at)
      expect(at).toBeGreaterThan(MIN_ACCESSES)
    })
  })
}
