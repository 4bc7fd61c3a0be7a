import { expect, test } from 'vitest'
import { createTracker, trackRequest } from '../../src/handlers/track-request.ts'
import { trackRequest as expressMiddleware } from '../../src/adapters/express.ts'

// Programs in JavaScript have no type check.
const untyped: Record<string, (...args: unknown[]) => unknown> = {
  createTracker: createTracker as never,
  trackRequest: trackRequest as never,
  expressMiddleware: expressMiddleware as never,
}

test.each([
  ['createTracker()', () => untyped.createTracker?.()],
  ['createTracker(null)', () => untyped.createTracker?.(null)],
  ['trackRequest(handler)', () => untyped.trackRequest?.(() => 'done')],
  ['trackRequest() of the root as a middleware', () => untyped.trackRequest?.({ service: 'shop' })],
  ['trackRequest() of express', () => untyped.expressMiddleware?.()],
])('%s says which options are missing', (_, call) => {
  expect(call).toThrow(
    expect.objectContaining({
      code: 'THROUGHLINE_BAD_OPTION',
      message: expect.stringMatching(/service: 'gateway'.*throughline\/express/) as unknown,
    }),
  )
})
