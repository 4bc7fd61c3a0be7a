import { InterceptingCall, Metadata, Server, status, type Interceptor } from '@grpc/grpc-js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { propagate, trackRequest } from '../../src/adapters/grpc.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import { requestWithRetriesMachine as withRetries } from '../../machines/request-with-retries.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { pathOf, rawCall, rig, Texts, transitions, way, type Handlers, type Method } from './grpc-rig.ts'

const METHODS: readonly Method[] = ['unary', 'collect', 'list', 'chat']
const ID = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'
const STRAIGHT = 'Received Authenticated Processing Responded'

/** Answers with what it was sent, and with the trace id that it finds wherever a handler's code may run. */
const echo: Required<Handlers> = {
  unary: (call, callback) =>
    void Promise.resolve().then(() => callback(null, { text: `${call.request.text} ${currentTraceId()}` })),
  collect: (call, callback) => {
    const texts = [currentTraceId()]
    call.on('data', ({ text }: { text: string }) => texts.push(text, currentTraceId()))
    call.on('end', () => callback(null, { text: [...texts, currentTraceId()].join(' ') }))
  },
  list: (call) => {
    call.write({ text: `${call.request.text} ${currentTraceId()}` }, () => {
      // More than the buffer takes, so that it has to drain.
      while (call.write({ text: currentTraceId() }));
      call.once('drain', () => {
        call.write({ text: currentTraceId() })
        call.end()
      })
    })
  },
  chat: (call) => {
    call.on('data', ({ text }: { text: string }) =>
      call.write({ text: `${text} ${currentTraceId()}` }, () => undefined),
    )
    call.on('end', () => {
      call.write({ text: currentTraceId() })
      call.end()
    })
  },
}

/** Never answers; tells of each call by its request. */
function silent(): {
  handlers: Required<Handlers>
  called: Promise<TrackedRequest | undefined>
  cancelled: Promise<string>
} {
  let tellCalled: (request: TrackedRequest | undefined) => void
  let tellCancelled: (traceId: string) => void
  const called = new Promise<TrackedRequest | undefined>((resolve) => (tellCalled = resolve))
  const cancelled = new Promise<string>((resolve) => (tellCancelled = resolve))
  const handler = (call: { on: (event: 'cancelled', listener: () => void) => unknown }): void => {
    call.on('cancelled', () => tellCancelled(currentTraceId()))
    tellCalled(currentRequest())
  }
  return { handlers: { unary: handler, collect: handler, list: handler, chat: handler }, called, cancelled }
}

function metadata(entries: Readonly<Record<string, string>>): Metadata {
  const made = new Metadata()
  for (const [key, value] of Object.entries(entries)) made.set(key, value)
  return made
}

describe.each(METHODS)('a call of the kind %s', (method) => {
  it('is tracked from its metadata to its status, and its handler has the request in hand', async () => {
    const { client, records, final } = await rig(echo)
    const { texts, status: sent, head } = await client.call(method, { metadata: metadata({ 'x-trace-id': ID }) })
    expect(sent.code).toBe(status.OK)
    expect(head?.get('x-trace-id')).toEqual([ID])
    const ids = texts
      .join(' ')
      .split(' ')
      .filter((word) => word !== 'hello' && word !== 'again')
    expect(ids.length).toBeGreaterThan(0)
    expect(new Set(ids)).toEqual(new Set([ID]))
    expect(way(records)).toBe(STRAIGHT)
    expect(transitions(records)[0]).toMatchObject({
      method: 'grpc',
      path: pathOf(method),
      trace_id: ID,
      service: 'texts',
    })
    expect(await final()).toMatchObject({ outcome: 'ok', status: status.OK })
  })

  it('is an error where the handler throws', async () => {
    const fail = (): never => {
      throw new TypeError('broken')
    }
    const { client, final, tracker } = await rig({ [method]: fail })
    const { status: sent } = await client.call(method)
    expect(sent.code).toBe(status.UNKNOWN)
    expect(sent.metadata.get('x-trace-id')).toHaveLength(1)
    expect(await final()).toMatchObject({
      state: 'Responded',
      outcome: 'error',
      status: status.UNKNOWN,
      error: { type: 'UNKNOWN' },
    })
    expect(tracker.stats).toMatchObject({ inFlight: 0, faults: 0 })
  })

  it('is aborted where the client leaves before the answer', async () => {
    const { handlers, called, cancelled } = silent()
    const { client, final, tracker } = await rig(handlers)
    const call = client.begin(method)
    const request = await called
    call.cancel()
    expect((await call.answer).status.code).toBe(status.CANCELLED)
    expect(await cancelled).toBe(request?.traceId)
    expect(await final()).toMatchObject({
      state: 'Responded',
      outcome: 'aborted',
      status: status.CANCELLED,
      trace_id: request?.traceId,
    })
    expect(tracker.stats).toMatchObject({ inFlight: 0, requests: 1, rejected: 0 })
  })

  it('is aborted where its deadline passes, whoever notices first', async () => {
    const { handlers } = silent()
    const { client, final, tracker } = await rig(handlers)
    // On a busy machine a deadline may pass before the call is out, and then the server never hears of it.
    for (let left = 100; tracker.stats.requests === 0; left *= 2) {
      const { status: sent } = await client.call(method, { deadline: Date.now() + left })
      expect(sent.code).toBe(status.DEADLINE_EXCEEDED)
    }
    const last = await final()
    expect(last.outcome).toBe('aborted')
    expect([status.CANCELLED, status.DEADLINE_EXCEEDED]).toContain(last.status)
  })

  it('has told safely of its caller when its handler begins', async () => {
    let kept: LifecycleRecord[] = []
    const gathering = {
      write: (record: LifecycleRecord) => void kept.push(record),
      beforeHandler: () => void (kept = []),
    }
    const found = new Promise<readonly string[]>((resolve) => {
      const handler = (): void => resolve(kept.map(({ state }) => state))
      void rig({ unary: handler, collect: handler, list: handler, chat: handler }, { sinks: [gathering] }).then(
        ({ client }) => client.begin(method),
      )
    })
    expect(await found).toEqual([])
  })

  it('is stuck when its deadline has passed, and not before', async () => {
    const { handlers, called } = silent()
    const clock = { time: 1_790_000_000_000 }
    const { client, tracker, final } = await rig(handlers, { now: () => clock.time })
    const call = client.begin(method, { deadline: Date.now() + 120_000 })
    await called
    clock.time += 60_000
    expect(tracker.stuck()).toEqual([])
    clock.time += 60_001
    expect(tracker.stuck()).toEqual([expect.objectContaining({ state: 'Authenticated', age_ms: 120_001 })])
    expect(tracker.stuck()[0]?.stuck_after_ms).toBeLessThanOrEqual(120_000)
    call.cancel()
    await final()
  })

  it('runs no handler for a caller who is refused', async () => {
    const { handlers, called } = silent()
    let ran = false
    void called.then(() => (ran = true))
    const { client, records, final } = await rig(handlers, {
      authenticate: () => Promise.reject(new Error('who are you')),
    })
    const { status: sent } = await client.call(method)
    expect(sent).toMatchObject({ code: status.UNAUTHENTICATED, details: 'Unauthorized' })
    expect(sent.metadata.get('x-trace-id')).toEqual([records[0]?.trace_id])
    expect(way(records)).toBe('Received Failed')
    expect(await final()).toMatchObject({
      event: 'AUTH_ERROR',
      outcome: 'denied',
      status: 16,
      error: { message: 'who are you' },
    })
    expect(ran).toBe(false)
  })

  it('runs the handler for a caller who is known, with its principal', async () => {
    let principal: unknown
    const noticed =
      <Args extends unknown[]>(handler: (...args: Args) => void) =>
      (...args: Args) => {
        principal = currentRequest()?.principal
        handler(...args)
      }
    const handlers: Handlers = {
      unary: noticed(echo.unary),
      collect: noticed(echo.collect),
      list: noticed(echo.list),
      chat: noticed(echo.chat),
    }
    const { client, records } = await rig(handlers, {
      authenticate: async ({ metadata: sent, path, getPeer }) => {
        await Promise.resolve()
        return {
          name: sent.get('authorization')[0],
          path,
          local: getPeer().startsWith('127.0.0.1'),
          traceId: currentTraceId(),
        }
      },
    })
    const { status: sent } = await client.call(method, {
      metadata: metadata({ authorization: 'ada', 'x-trace-id': ID }),
    })
    expect(sent.code).toBe(status.OK)
    expect(principal).toEqual({ name: 'ada', path: pathOf(method), local: true, traceId: ID })
    expect(way(records)).toBe(STRAIGHT)
    expect(transitions(records)[1]).not.toHaveProperty('implied')
  })

  it('keeps a hundred calls at once apart', async () => {
    const { client, records } = await rig(echo)
    const ids = Array.from({ length: 100 }, (_, index) => `call-${index}`)
    const answers = await Promise.all(
      ids.map((id) => client.call(method, { text: id, metadata: metadata({ 'x-trace-id': id }) })),
    )
    for (const [index, { texts, head }] of answers.entries()) {
      const seen = new Set(
        texts
          .join(' ')
          .split(' ')
          .filter((word) => word !== 'again'),
      )
      expect([...seen]).toEqual([ids[index]])
      expect(head?.get('x-trace-id')).toEqual([ids[index]])
    }
    const ways = ids.map((id) => way(records.filter(({ trace_id }) => trace_id === id)))
    expect(new Set(ways)).toEqual(new Set([STRAIGHT]))
  })
})

describe('the end of a call', () => {
  const CASES = [
    [status.CANCELLED, 'aborted'],
    [status.UNKNOWN, 'error'],
    [status.INVALID_ARGUMENT, 'ok'],
    [status.DEADLINE_EXCEEDED, 'error'],
    [status.NOT_FOUND, 'ok'],
    [status.ALREADY_EXISTS, 'ok'],
    [status.PERMISSION_DENIED, 'ok'],
    [status.RESOURCE_EXHAUSTED, 'ok'],
    [status.FAILED_PRECONDITION, 'ok'],
    [status.ABORTED, 'ok'],
    [status.OUT_OF_RANGE, 'ok'],
    [status.UNIMPLEMENTED, 'error'],
    [status.INTERNAL, 'error'],
    [status.UNAVAILABLE, 'error'],
    [status.DATA_LOSS, 'error'],
    [status.UNAUTHENTICATED, 'ok'],
  ] as const

  it.each(CASES)('is told by the status that the handler sends: %i is %s', async (code, outcome) => {
    const { client, final } = await rig({ unary: (_, callback) => callback({ code, details: 'for a reason' }) })
    await client.call('unary')
    const last = await final()
    expect(last).toMatchObject({ state: 'Responded', outcome, status: code })
    expect(last.error).toEqual(outcome === 'error' ? { type: status[code], message: 'for a reason' } : undefined)
  })

  it('is UNKNOWN where the code is none of gRPC, such as that of an AbortError', async () => {
    const { client, final } = await rig({ unary: (_, callback) => callback(new DOMException('left', 'AbortError')) })
    await client.call('unary')
    expect(await final()).toMatchObject({ outcome: 'error', status: 20, error: { type: 'UNKNOWN', message: 'left' } })
  })

  it.each([status.UNAUTHENTICATED, status.PERMISSION_DENIED])(
    'is a refusal while nobody has said who the caller is: %i',
    async (code) => {
      const { client, records, final } = await rig(
        { unary: (_, callback) => callback({ code, details: 'no' }) },
        { auth: 'manual' },
      )
      await client.call('unary')
      expect(await final()).toMatchObject({ state: 'Failed', outcome: 'denied', status: code })
      expect(way(records)).toBe('Received Failed')
    },
  )

  it('is an error of a stream that is destroyed with one', async () => {
    const { client, final } = await rig({
      list: (call) => call.emit('error', { code: status.UNAVAILABLE, details: 'no stock today' }),
    })
    const { status: sent } = await client.call('list')
    expect(sent).toMatchObject({ code: status.UNAVAILABLE, details: 'no stock today' })
    expect(await final()).toMatchObject({
      outcome: 'error',
      status: status.UNAVAILABLE,
      error: { type: 'UNAVAILABLE', message: 'no stock today' },
    })
  })

  it('is an error where the answer cannot be written, though grpc-js asks no interceptor then', async () => {
    const { client, final } = await rig({ unary: (_, callback) => callback(null, { text: 'unwritable' }) })
    expect((await client.call('unary')).status.code).toBe(status.INTERNAL)
    expect(await final()).toMatchObject({
      outcome: 'error',
      status: status.INTERNAL,
      error: { message: 'Error serializing response' },
    })
  })

  it('is an error where the message cannot be read', async () => {
    const { address, final } = await rig(echo)
    const { head } = await rawCall(address, {}, 'no JSON')
    expect(head).toMatchObject({ 'grpc-status': '13' })
    expect(await final()).toMatchObject({
      outcome: 'error',
      status: status.INTERNAL,
      error: { message: 'Error deserializing request' },
    })
  })

  it('is aborted with DEADLINE_EXCEEDED where the server notices it', async () => {
    const { address, final } = await rig(silent().handlers)
    const { head } = await rawCall(address, { 'grpc-timeout': '1m', 'x-trace-id': ID })
    expect(head).toMatchObject({ 'grpc-status': '4', 'x-trace-id': ID })
    expect(await final()).toMatchObject({ outcome: 'aborted', status: status.DEADLINE_EXCEEDED, trace_id: ID })
  })

  it.each(['list', 'chat'] as const)(
    'is aborted where the client leaves in the midst of the answer: %s',
    async (method) => {
      const { client, final, records } = await rig({
        list: (call) => call.write({ text: 'one' }),
        chat: (call) => call.write({ text: 'one' }),
      })
      const call = client.begin(method)
      expect(await call.firstText).toBe('one')
      call.cancel()
      expect(await final()).toMatchObject({ state: 'Responded', outcome: 'aborted', status: status.CANCELLED })
      expect(way(records)).toBe(STRAIGHT)
    },
  )

  it('is aborted, and runs no handler, where the client leaves while it is being asked who it is', async () => {
    let ask: () => void = () => undefined
    let answer: (principal: string) => void = () => undefined
    const asked = new Promise<void>((resolve) => (ask = resolve))
    const principal = new Promise<string>((resolve) => (answer = resolve))
    const { handlers, called } = silent()
    let ran = false
    void called.then(() => (ran = true))
    const authenticate = (): Promise<string> => {
      ask()
      return principal
    }
    const { client, final, records } = await rig(handlers, { authenticate })
    const call = client.begin('chat')
    await asked
    call.cancel()
    expect(await final()).toMatchObject({ state: 'Failed', outcome: 'aborted', implied: true })
    answer('ada')
    await call.answer
    expect(way(records)).toBe('Received Failed')
    expect(ran).toBe(false)
  })

  it('comes once, whatever the handler does afterwards', async () => {
    let late: () => void = () => undefined
    const { client, final, records } = await rig({
      unary: (_, callback) => {
        late = () => callback({ code: status.INTERNAL, details: 'too late' })
        callback(null, { text: 'done' })
      },
    })
    expect((await client.call('unary')).texts).toEqual(['done'])
    late()
    expect(await final()).toMatchObject({ outcome: 'ok' })
    expect(way(records)).toBe(STRAIGHT)
    expect(records.filter(({ lifecycle }) => lifecycle !== 'transition')).toEqual([])
  })

  it('of a request that was handed over is noted once', async () => {
    const { client, records, when } = await rig({
      unary: (_, callback) => {
        const request = currentRequest()
        void request?.enqueue(() => undefined).then(() => callback(null, { text: 'accepted' }))
      },
    })
    expect((await client.call('unary')).texts).toEqual(['accepted'])
    const note = await when((told) => told.find(({ lifecycle }) => lifecycle === 'note'))
    expect(note).toMatchObject({ event: 'RESPOND', state: 'Queued', data: { outcome: 'ok', status: 0 } })
    expect(records.filter(({ lifecycle }) => lifecycle === 'note')).toHaveLength(1)
  })

  it('uses the events that another machine has for it', async () => {
    const { client, final } = await rig(
      { unary: (_, callback) => callback({ code: status.INTERNAL }) },
      { machine: withRetries },
    )
    await client.call('unary')
    expect(await final()).toMatchObject({ state: 'Failed', event: 'FAIL', outcome: 'error', status: status.INTERNAL })
  })

  it('is aborted where the server is shut down by force', async () => {
    const { handlers, called } = silent()
    const { client, final, server } = await rig(handlers)
    const call = client.begin('unary')
    await called
    server.forceShutdown()
    await call.answer
    expect(await final()).toMatchObject({ outcome: 'aborted' })
  })
})

describe('authenticate', () => {
  it.each([
    ['gives false', () => false],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['resolves to false', () => Promise.resolve(false)],
  ])('refuses where it %s', async (_, authenticate) => {
    const { client, records } = await rig(echo, { authenticate })
    expect((await client.call('unary')).status.code).toBe(status.UNAUTHENTICATED)
    expect(way(records)).toBe('Received Failed')
  })

  it('leaves it to the handler where it is manual', async () => {
    const { client, records } = await rig(
      {
        unary: (_, callback) => {
          currentRequest()?.authenticated('ada')
          callback(null, { text: String(currentRequest()?.principal) })
        },
      },
      { auth: 'manual' },
    )
    expect((await client.call('unary')).texts).toEqual(['ada'])
    expect(way(records)).toBe(STRAIGHT)
    expect(transitions(records)[1]).not.toHaveProperty('implied')
  })

  it("breaks no call where onInvalid is 'throw' and the caller is authenticated twice", async () => {
    const authenticate = (): boolean => currentRequest()?.authenticated() ?? false
    for (const once of [authenticate, async () => Promise.resolve(authenticate())]) {
      const { client, records } = await rig(echo, { authenticate: once, onInvalid: 'throw' })
      expect((await client.call('unary')).status.code).toBe(status.OK)
      expect(way(records)).toBe(STRAIGHT)
    }
  })
})

describe('the ids that come in', () => {
  it('are those of a traceparent, as the same 128 bits', async () => {
    const { client, records } = await rig(echo)
    const { head } = await client.call('unary', {
      metadata: metadata({ traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01` }),
    })
    expect(head?.get('x-trace-id')).toEqual([ID])
    expect(transitions(records)[0]).toMatchObject({ trace_id: ID, parent_id: PARENT })
  })

  it.each([
    ['a bad id', { 'x-trace-id': 'a b' }, 3],
    ['a doubled id', { 'x-trace-id': ['first', 'second'] }, 'first, second'.length],
    ['a huge id', { 'x-trace-id': 'a'.repeat(4_000) }, 4_000],
    ['an empty id', { 'x-trace-id': '' }, 0],
    ['a traceparent of zeros', { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` }, 55],
    [
      'a doubled traceparent',
      { traceparent: [`00-${w3cTraceId(ID)}-${PARENT}-01`, `00-${w3cTraceId(ID)}-${PARENT}-01`] },
      112,
    ],
  ])('are replaced where they are no ids: %s', async (_, headers, length) => {
    const { address, records } = await rig(echo)
    const { head, trailers } = await rawCall(address, headers)
    const [first] = transitions(records)
    expect(trailers).toMatchObject({ 'grpc-status': '0' })
    expect(first).toMatchObject({ rejected_id: true, rejected_length: length })
    expect(first?.trace_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(head['x-trace-id']).toBe(first?.trace_id)
  })

  describe('the vectors of W3C Trace Context', () => {
    /** Sends headers, one call after the other: the request that each began, and whether something was refused. */
    async function begun(sent: readonly Readonly<Record<string, string>>[]) {
      const requests: (TrackedRequest | undefined)[] = []
      const { address, records } = await rig({
        unary: (_call, callback) => {
          requests.push(currentRequest())
          callback(null, { text: '' })
        },
      })
      for (const headers of sent) await rawCall(address, headers)
      expect(requests).toHaveLength(sent.length)
      return requests.map((request) => ({
        request,
        rejected: records.some((record) => record.request_id === request?.requestId && 'rejected_id' in record),
      }))
    }

    /** HTTP/2 itself takes nothing else for a value. */
    const sendable = ([, header]: readonly [what: string, header: string, ...unknown[]]): boolean =>
      /^[\x20-\x7e]{0,2000}$/.test(header) && header === header.trim()

    it('a traceparent that is to be read', async () => {
      const vectors = VALID.filter(sendable)
      for (const [index, { request, rejected }] of (
        await begun(vectors.map(([, traceparent]) => ({ traceparent })))
      ).entries()) {
        const [what, , flags = 0] = vectors[index] ?? []
        expect(
          [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected],
          what,
        ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
      }
    })

    it('a traceparent that starts a new trace', async () => {
      const vectors = INVALID.filter(sendable)
      for (const [index, { request, rejected }] of (
        await begun(vectors.map(([, traceparent]) => ({ traceparent, tracestate: 'foo=1' })))
      ).entries()) {
        expect([request?.parentId, request?.headers().tracestate, rejected], vectors[index]?.[0]).toEqual([
          undefined,
          undefined,
          true,
        ])
        expect(request?.traceId, vectors[index]?.[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      }
    })

    it('a tracestate', async () => {
      const vectors = STATES.filter(sendable)
      for (const [index, { request }] of (
        await begun(vectors.map(([, tracestate]) => ({ traceparent: GOOD, tracestate })))
      ).entries()) {
        expect(request?.headers().tracestate, vectors[index]?.[0]).toBe(vectors[index]?.[2])
      }
    })
  })

  it('are not used by a server that does not trust the caller', async () => {
    const seen: unknown[] = []
    const trustIncoming = (source: unknown): boolean => {
      seen.push(source)
      return false
    }
    const { client, records } = await rig(echo, { trustIncoming })
    const { head } = await client.call('unary', { metadata: metadata({ 'x-trace-id': ID }) })
    expect(head?.get('x-trace-id')).toEqual([records[0]?.trace_id])
    expect(records[0]?.trace_id).not.toBe(ID)
    expect(seen).toMatchObject([{ path: pathOf('unary') }])
  })

  it('resume no request: a stranger must not be able to', async () => {
    const { client, records } = await rig(echo)
    await client.call('unary', { metadata: metadata({ 'x-trace-id': ID, 'x-lifecycle': `${PARENT};Queued;3;1` }) })
    expect(way(records)).toBe(STRAIGHT)
    expect(records[0]?.request_id).not.toBe(PARENT)
  })

  it('never break a call, whatever they are', async () => {
    const { address, tracker } = await rig(echo)
    const value = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 300,
    })
    const header = fc.oneof(
      value,
      fc.array(value, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('00-', ID, `00-${w3cTraceId(ID)}-${PARENT}-01`),
    )
    const keys = fc.constantFrom(
      'x-trace-id',
      'traceparent',
      'tracestate',
      'x-lifecycle',
      'x-trace-id-bin',
      '__proto__',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keys, header, { noNullPrototype: true }), async (headers) => {
        const { head, trailers } = await rawCall(address, headers)
        expect(trailers).toMatchObject({ 'grpc-status': '0' })
        expect(head['x-trace-id']).toMatch(/^[A-Za-z0-9._:-]{1,128}$/)
      }),
      { numRuns: 60 },
    )
    expect(tracker.stats).toMatchObject({ inFlight: 0, faults: 0 })
  })
})

describe('the metadata of an answer', () => {
  it('of the handler stays, and is not written to', async () => {
    const own = metadata({ 'x-shop': 'corner' })
    const trailer = metadata({ 'x-cost': '1' })
    const { client, records } = await rig({
      unary: (call, callback) => {
        call.sendMetadata(own)
        callback(null, { text: 'done' }, trailer)
      },
    })
    for (const at of [0, 4]) {
      const { head, status: sent } = await client.call('unary')
      expect(head?.getMap()).toMatchObject({ 'x-shop': 'corner', 'x-trace-id': records[at]?.trace_id })
      expect(sent.metadata.getMap()).toEqual({ 'x-cost': '1' })
    }
    expect(own.getMap()).toEqual({ 'x-shop': 'corner' })
    expect(trailer.getMap()).toEqual({ 'x-cost': '1' })
  })
})

describe('propagate', () => {
  it.each(METHODS)('makes the request in hand the parent of the call: %s', async (method) => {
    const { client, records } = await rig(echo)
    const caller = createTracker({ service: 'caller', logger: false }).start({
      traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01`,
      tracestate: 'shop=1',
    })
    const { status: sent } = await caller.run(() => client.call(method))
    expect(sent.code).toBe(status.OK)
    expect(transitions(records)[0]).toMatchObject({ trace_id: ID, parent_id: caller.requestId })
  })

  it('takes the trace through a server that calls another', async () => {
    const behind = await rig(echo)
    const front = await rig({
      unary: (_, callback) =>
        void behind.client.call('unary').then(({ texts }) => callback(null, { text: texts.join() })),
    })
    const { texts } = await front.client.call('unary', { metadata: metadata({ 'x-trace-id': 'abc-123' }) })
    expect(texts).toEqual(['hello abc-123'])
    expect(transitions(behind.records)[0]).toMatchObject({
      trace_id: 'abc-123',
      parent_id: front.records[0]?.request_id,
    })
  })

  /** What a client sends, as the next interceptor sees it. */
  async function sentWith(own: Metadata, request: TrackedRequest | undefined): Promise<Record<string, unknown>> {
    const { address } = await rig(echo)
    let sent: Record<string, unknown> = {}
    const spy: Interceptor = (options, nextCall) =>
      new InterceptingCall(nextCall(options), {
        start: (given, listener, next) => {
          sent = given.getMap()
          next(given, listener)
        },
      })
    const client = new Texts(address, [propagate(), spy])
    const call = (): Promise<unknown> => client.call('unary', { metadata: own })
    await (request === undefined ? call() : request.run(call))
    return sent
  }

  const parent = { traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01`, tracestate: 'shop=1' }
  const start = (): TrackedRequest => createTracker({ service: 'caller', logger: false }).start(parent)

  it('sends the trace id, the traceparent and the tracestate, and leaves the metadata of the user as it was', async () => {
    const own = metadata({ 'x-shop': 'corner' })
    const request = start()
    expect(await sentWith(own, request)).toEqual({ 'x-shop': 'corner', ...request.headers() })
    expect(request.headers()).toMatchObject({ 'x-trace-id': ID, tracestate: 'shop=1' })
    expect(own.getMap()).toEqual({ 'x-shop': 'corner' })
  })

  it('overwrites nothing that the user has set', async () => {
    const request = start()
    expect(await sentWith(metadata({ 'x-trace-id': 'mine' }), request)).toEqual({
      ...request.headers(),
      'x-trace-id': 'mine',
    })
    // Our tracestate would be a lie beside a traceparent of theirs.
    const theirs = `00-${'a'.repeat(32)}-${PARENT}-00`
    expect(await sentWith(metadata({ traceparent: theirs }), request)).toEqual({
      'x-trace-id': ID,
      traceparent: theirs,
    })
    expect(await sentWith(metadata({ tracestate: 'theirs=1' }), request)).toEqual({
      ...request.headers(),
      tracestate: 'theirs=1',
    })
  })

  it('sends nothing outside of a request', async () => {
    expect(await sentWith(metadata({ 'x-shop': 'corner' }), undefined)).toEqual({ 'x-shop': 'corner' })
  })
})

it('takes the options of a tracker as well, and refuses those that it cannot use at once', () => {
  expect(() => new Server({ interceptors: [trackRequest({ service: 'texts', logger: false })] })).not.toThrow()
  expect(() => trackRequest({ service: '' })).toThrow(expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }))
})

it('goes on where a sink throws', async () => {
  const broken = {
    write: () => {
      throw new Error('disk full')
    },
  }
  const { client, tracker } = await rig(echo, { sinks: [broken] })
  expect((await client.call('unary')).status.code).toBe(status.OK)
  expect(tracker.stats.faults).toBeGreaterThan(0)
})
