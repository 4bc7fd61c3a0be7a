import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processBatch } from '../../src/adapters/_deliveries.ts'
import type { EntryOptions } from '../../src/handlers/entry.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { trackerFixture, summarize, type TrackerFixture } from '../tracker-fixture.ts'

const WORKING = '2 PROCESS Processing implied'

type Call = (tracker: Tracker, handler: () => void, auth: EntryOptions<unknown>) => Promise<void>

const SHAPES: Record<string, Call> = {
  async 'a handler of node:http'(tracker, handler, auth) {
    const respond = (_: unknown, res: { end: (text: string) => unknown }): void => {
      handler()
      res.end('served')
    }
    const server = createServer(tracker.trackRequest(respond, auth)).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    // A server that listens on TCP has an address of this type.
    const { port } = server.address() as AddressInfo
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('served')
  },
  async 'a fetch-style handler'(tracker, handler, auth) {
    const respond = (_request: Request): Response => {
      handler()
      return new Response('served')
    }
    expect(await (await tracker.trackRequest(respond, auth)(new Request('http://localhost/'))).text()).toBe('served')
  },
}

const WITHOUT_AUTHENTICATION: Record<string, (tracker: Tracker, handler: () => void) => unknown> = {
  'a plain function': (tracker, handler) => tracker.trackRequest(handler, { carrier: () => ({}) })(),
  'a handler that is run with request.run()': (tracker, handler) => {
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

/**
 * The records that exist when the handler starts, and those not flushed then, with a sink that buffers like the default
 * one.
 */
async function recordsAtStart(
  call: (seen: TrackerFixture, handler: () => void) => unknown,
): Promise<{ unflushed: string[]; before: string[] }> {
  let buffer: LifecycleRecord[] = []
  const seen = trackerFixture({
    sinks: [{ write: (record) => void buffer.push(record), beforeHandler: () => void (buffer = []) }],
  })
  let result: { unflushed: string[]; before: string[] } | undefined
  await call(seen, () => (result ??= { unflushed: summarize(buffer), before: summarize(seen.records) }))
  return result ?? expect.unreachable('the handler has not run')
}

describe('all records of a request are flushed when its handler starts', () => {
  test.each(Object.entries(WITHOUT_AUTHENTICATION))('%s', async (_, call) => {
    const { unflushed, before } = await recordsAtStart(({ tracker }, handler) => call(tracker, handler))
    expect(unflushed).toEqual([])
    expect(before[0]).toBe('0 Received')
  })

  describe.each(Object.entries(SHAPES))('%s', (_, call) => {
    test.each<[string, EntryOptions<unknown>, string[]]>([
      ['without authentication', {}, ['0 Received', '1 AUTH_OK Authenticated implied', WORKING]],
      [
        'with synchronous authentication',
        { authenticate: () => 'ann' },
        ['0 Received', '1 AUTH_OK Authenticated', WORKING],
      ],
      [
        'with asynchronous authentication',
        { authenticate: () => Promise.resolve('ann') },
        ['0 Received', '1 AUTH_OK Authenticated', WORKING],
      ],
      ['with manual authentication', { auth: 'manual' }, ['0 Received']],
      ['with manual processing', { processing: 'manual' }, ['0 Received', '1 AUTH_OK Authenticated implied']],
    ])('%s', async (_, auth, lines) => {
      expect(await recordsAtStart(({ tracker }, handler) => call(tracker, handler, auth))).toEqual({
        unflushed: [],
        before: lines,
      })
    })

    test('the first record is flushed when authenticate is called', async () => {
      const { unflushed, before } = await recordsAtStart(({ tracker }, handler) =>
        call(tracker, () => undefined, { authenticate: handler }),
      )
      expect({ unflushed, before }).toEqual({ unflushed: [], before: ['0 Received'] })
    })
  })
})
