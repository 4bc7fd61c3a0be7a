import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processBatch } from '../../src/adapters/_deliveries.ts'
import type { AuthOptions } from '../../src/handlers/authenticate.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { trackerFixture, summarize, type TrackerFixture } from '../tracker-fixture.ts'

type Call = (tracker: Tracker, handler: () => void, auth: AuthOptions<unknown>) => Promise<void>

const SHAPES: Record<string, Call> = {
  async 'a handler of node:http'(tracker, handler, auth) {
    const answered = (_: unknown, res: { end: (text: string) => unknown }): void => {
      handler()
      res.end('served')
    }
    const server = createServer(tracker.trackRequest(answered, auth)).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    // A server that listens on TCP has an address of this kind.
    expect(await (await fetch(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`)).text()).toBe(
      'served',
    )
  },
  async 'a fetch-style handler'(tracker, handler, auth) {
    const served = (_request: Request): Response => {
      handler()
      return new Response('served')
    }
    expect(await (await tracker.trackRequest(served, auth)(new Request('http://localhost/'))).text()).toBe('served')
  },
}

const UNASKED: Record<string, (tracker: Tracker, handler: () => void) => unknown> = {
  'a plain function': (tracker, handler) => tracker.trackRequest(handler, { carrier: () => ({}) })(),
  'a request that is run by hand': (tracker, handler) => {
    const request = tracker.start()
    request.authenticated()
    request.run(handler)
  },
  'code after start()': (tracker, handler) => {
    tracker.start()
    handler()
  },
  'code after resume()': (tracker, handler) => {
    tracker.resume({})
    handler()
  },
  'the worker of a queue': (tracker, handler) =>
    processBatch(tracker.core, [{ host: {}, carrier: {}, attempt: 1, willRetry: false, path: 'orders' }], handler),
}

/** What is told and not yet safe at the moment in which the handler begins, with a sink that gathers as the default one does. */
async function unsafe(
  call: (seen: TrackerFixture, handler: () => void) => unknown,
): Promise<{ unsafe: string[]; before: string[] }> {
  let kept: LifecycleRecord[] = []
  const seen = trackerFixture({
    sinks: [{ write: (record) => void kept.push(record), beforeHandler: () => void (kept = []) }],
  })
  let found: { unsafe: string[]; before: string[] } | undefined
  await call(seen, () => (found ??= { unsafe: summarize(kept), before: summarize(seen.records) }))
  return found ?? expect.unreachable('the handler has not run')
}

describe('what a request has told is safe when its handler begins', () => {
  test.each(Object.entries(UNASKED))('%s', async (_, call) => {
    const { unsafe: left, before } = await unsafe(({ tracker }, handler) => call(tracker, handler))
    expect(left).toEqual([])
    expect(before[0]).toBe('0 Received')
  })

  describe.each(Object.entries(SHAPES))('%s', (_, call) => {
    test.each<[string, AuthOptions<unknown>, string[]]>([
      ['whose caller nobody asks', {}, ['0 Received', '1 AUTH_OK Authenticated implied']],
      ['whose caller is known at once', { authenticate: () => 'ann' }, ['0 Received', '1 AUTH_OK Authenticated']],
      [
        'whose caller is known later',
        { authenticate: () => Promise.resolve('ann') },
        ['0 Received', '1 AUTH_OK Authenticated'],
      ],
    ])('%s', async (_, auth, lines) => {
      expect(await unsafe(({ tracker }, handler) => call(tracker, handler, auth))).toEqual({
        unsafe: [],
        before: lines,
      })
    })

    test('and so is the first line when its caller is asked', async () => {
      const { unsafe: left, before } = await unsafe(({ tracker }, handler) =>
        call(tracker, () => undefined, { authenticate: handler }),
      )
      expect({ left, before }).toEqual({ left: [], before: ['0 Received'] })
    })
  })
})
