import {
  InterceptingCall,
  Metadata,
  Server,
  ServerInterceptingCall,
  status,
  type Interceptor,
  type ServerInterceptor,
} from '@grpc/grpc-js'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { headersOfCall, parentOfCall } from '../call-headers.ts'
import { propagate, trackRequest, type IncomingCall } from '../../src/adapters/grpc.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { currentRequest, currentTraceId } from '../../src/tracking/current-request.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import { requestWithRetriesMachine as withRetries } from '../../machines/request-with-retries.ts'
import { deferred } from '../deferred.ts'
import { summarize } from '../tracker-fixture.ts'
import { DASHED, GOOD, INVALID, PARENT, STATES, VALID } from '../trace/w3c-vectors.ts'
import { pathOf, rawCall, startServer, Texts, statesOf, transitions, type Handlers, type Method } from './grpc-rig.ts'

const METHODS: readonly Method[] = ['unary', 'collect', 'list', 'chat']
const ID = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'
const STRAIGHT = 'Received Authenticated Processing Responded'

/** Responds with what it receives, and with the current trace id in every place where a handler's code may run. */
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
      // Larger than the buffer, so that it must drain.
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

/** An interceptor that passes the metadata on once a promise is fulfilled, as one that authenticates does. */
function waitFor(promise: Promise<unknown>): ServerInterceptor {
  return (_, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => next({ onReceiveMetadata: (metadata, pass) => void promise.then(() => pass(metadata)) }),
    })
}

/** Never responds; resolves with the request of each call. */
function silent(): {
  handlers: Required<Handlers>
  called: Promise<TrackedRequest | undefined>
  cancelled: Promise<string>
} {
  let resolveCalled: (request: TrackedRequest | undefined) => void
  let resolveCancelled: (traceId: string) => void
  const called = new Promise<TrackedRequest | undefined>((resolve) => (resolveCalled = resolve))
  const cancelled = new Promise<string>((resolve) => (resolveCancelled = resolve))
  const handler = (call: { on: (event: 'cancelled', listener: () => void) => unknown }): void => {
    call.on('cancelled', () => resolveCancelled(currentTraceId()))
    resolveCalled(currentRequest())
  }
  return { handlers: { unary: handler, collect: handler, list: handler, chat: handler }, called, cancelled }
}

function metadata(entries: Readonly<Record<string, string>>): Metadata {
  const made = new Metadata()
  for (const [key, value] of Object.entries(entries)) made.set(key, value)
  return made
}

describe.each(METHODS)('a call: %s', (method) => {
  it('is tracked from its metadata to its status, and its handler has a current request', async () => {
    const { client, records, final } = await startServer(echo)
    const { texts, status: sent, head } = await client.call(method, { metadata: metadata({ 'x-trace-id': ID }) })
    expect(sent.code).toBe(status.OK)
    expect(head?.get('x-trace-id')).toEqual([ID])
    const ids = texts
      .join(' ')
      .split(' ')
      .filter((word) => word !== 'hello' && word !== 'again')
    expect(ids.length).toBeGreaterThan(0)
    expect(new Set(ids)).toEqual(new Set([ID]))
    expect(statesOf(records)).toBe(STRAIGHT)
    expect(transitions(records)[0]).toMatchObject({
      method: 'grpc',
      path: pathOf(method),
      trace_id: ID,
      service: 'texts',
    })
    expect(await final()).toMatchObject({ outcome: 'ok', status: status.OK })
  })

  it('ends with outcome error if the handler throws', async () => {
    const fail = (): never => {
      throw new TypeError('broken')
    }
    const { client, final, tracker } = await startServer({ [method]: fail })
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

  it('is aborted if the client cancels before the response', async () => {
    const { handlers, called, cancelled } = silent()
    const { client, final, tracker } = await startServer(handlers)
    const call = client.start(method)
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

  it('is aborted if its deadline passes, whichever side notices first', async () => {
    const { handlers } = silent()
    const { client, final, tracker } = await startServer(handlers)
    // On a slow machine the deadline may pass before the call is sent, and the server then never receives it.
    for (let left = 100; tracker.stats.requests === 0; left *= 2) {
      const { status: sent } = await client.call(method, { deadline: Date.now() + left })
      expect(sent.code).toBe(status.DEADLINE_EXCEEDED)
    }
    const last = await final()
    expect(last.outcome).toBe('aborted')
    expect([status.CANCELLED, status.DEADLINE_EXCEEDED]).toContain(last.status)
  })

  it('has flushed its records when its handler starts', async () => {
    let buffer: LifecycleRecord[] = []
    const buffering = {
      write: (record: LifecycleRecord) => void buffer.push(record),
      beforeHandler: () => void (buffer = []),
    }
    const unflushed = new Promise<readonly string[]>((resolve) => {
      const handler = (): void => resolve(buffer.map(({ state }) => state))
      void startServer({ unary: handler, collect: handler, list: handler, chat: handler }, { sinks: [buffering] }).then(
        ({ client }) => client.start(method),
      )
    })
    expect(await unflushed).toEqual([])
  })

  it('is stuck once its deadline has passed, and not before', async () => {
    const { handlers, called } = silent()
    const clock = { time: 1_790_000_000_000 }
    const { client, tracker, final } = await startServer(handlers, { now: () => clock.time })
    const call = client.start(method, { deadline: Date.now() + 120_000 })
    await called
    clock.time += 60_000
    expect(tracker.stuck()).toEqual([])
    clock.time += 60_001
    expect(tracker.stuck()).toEqual([expect.objectContaining({ state: 'Processing', age_ms: 120_001 })])
    expect(tracker.stuck()[0]?.stuck_after_ms).toBeLessThanOrEqual(120_000)
    call.cancel()
    await final()
  })

  it('is in Processing when its handler runs, also behind other interceptors', async () => {
    const { handlers, called } = silent()
    const gate = deferred()
    const { client, tracker, records, when, final } = await startServer(handlers, {
      after: [waitFor(gate.promise), waitFor(Promise.resolve())],
    })
    const call = client.start(method)
    await when((found) => (found.length > 0 ? true : undefined))
    expect(tracker.inFlight().map(({ state }) => state)).toEqual(['Received'])
    gate.resolve()
    await called
    expect(tracker.inFlight().map(({ state }) => state)).toEqual(['Processing'])
    expect(summarize(records)).toEqual([
      '0 Received',
      '1 AUTH_OK Authenticated implied',
      '2 PROCESS Processing implied',
    ])
    call.cancel()
    await final()
  })

  it.each([status.UNAUTHENTICATED, status.PERMISSION_DENIED])(
    'is denied by an interceptor before the handler: %i',
    async (code) => {
      const refuse: ServerInterceptor = (_, call) =>
        new ServerInterceptingCall(call, {
          start: (next) => next({ onReceiveMetadata: () => call.sendStatus({ code, details: 'no' }) }),
        })
      const { handlers } = silent()
      const { client, records, final } = await startServer(handlers, { after: [refuse] })
      expect((await client.call(method)).status).toMatchObject({ code, details: 'no' })
      expect(await final()).toMatchObject({ state: 'Failed', event: 'AUTH_ERROR', outcome: 'denied', status: code })
      expect(statesOf(records)).toBe('Received Failed')
    },
  )

  it('runs no handler for a refused caller', async () => {
    const { handlers, called } = silent()
    let ran = false
    void called.then(() => (ran = true))
    const { client, records, final } = await startServer(handlers, {
      authenticate: () => Promise.reject(new Error('who are you')),
    })
    const { status: sent } = await client.call(method)
    expect(sent).toMatchObject({ code: status.UNAUTHENTICATED, details: 'Unauthorized' })
    expect(sent.metadata.get('x-trace-id')).toEqual([records[0]?.trace_id])
    expect(statesOf(records)).toBe('Received Failed')
    expect(await final()).toMatchObject({
      event: 'AUTH_ERROR',
      outcome: 'denied',
      status: 16,
      error: { message: 'who are you' },
    })
    expect(ran).toBe(false)
  })

  it('runs the handler for an authenticated caller, with its principal', async () => {
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
    const { client, records } = await startServer(handlers, {
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
    expect(statesOf(records)).toBe(STRAIGHT)
    expect(transitions(records)[1]).not.toHaveProperty('implied')
  })

  it('does not mix up a hundred concurrent calls', async () => {
    const { client, records } = await startServer(echo)
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
    const paths = ids.map((id) => statesOf(records.filter(({ trace_id }) => trace_id === id)))
    expect(new Set(paths)).toEqual(new Set([STRAIGHT]))
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

  it.each(CASES)('has the outcome of its status: %i is %s', async (code, outcome) => {
    const { client, final } = await startServer({ unary: (_, callback) => callback({ code, details: 'for a reason' }) })
    await client.call('unary')
    const last = await final()
    expect(last).toMatchObject({ state: 'Responded', outcome, status: code })
    expect(last.error).toEqual(outcome === 'error' ? { type: status[code], message: 'for a reason' } : undefined)
  })

  it('counts as UNKNOWN for a code that gRPC does not define, such as that of an AbortError', async () => {
    const { client, final } = await startServer({
      unary: (_, callback) => callback(new DOMException('left', 'AbortError')),
    })
    await client.call('unary')
    expect(await final()).toMatchObject({ outcome: 'error', status: 20, error: { type: 'UNKNOWN', message: 'left' } })
  })

  it.each([status.UNAUTHENTICATED, status.PERMISSION_DENIED])(
    'is a refusal while the caller is not authenticated: %i',
    async (code) => {
      const { client, records, final } = await startServer(
        { unary: (_, callback) => callback({ code, details: 'no' }) },
        { auth: 'manual' },
      )
      await client.call('unary')
      expect(await final()).toMatchObject({ state: 'Failed', outcome: 'denied', status: code })
      expect(statesOf(records)).toBe('Received Failed')
    },
  )

  it('has outcome error if the stream is destroyed with an error', async () => {
    const { client, final } = await startServer({
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

  it('has outcome error if the response cannot be serialized, for which grpc-js calls no interceptor', async () => {
    const { client, final } = await startServer({ unary: (_, callback) => callback(null, { text: 'unwritable' }) })
    expect((await client.call('unary')).status.code).toBe(status.INTERNAL)
    expect(await final()).toMatchObject({
      outcome: 'error',
      status: status.INTERNAL,
      error: { message: 'Error serializing response' },
    })
  })

  it('has outcome error if the request message cannot be parsed', async () => {
    const { address, final } = await startServer(echo)
    const { head } = await rawCall(address, {}, 'no JSON')
    expect(head).toMatchObject({ 'grpc-status': '13' })
    expect(await final()).toMatchObject({
      outcome: 'error',
      status: status.INTERNAL,
      error: { message: 'Error deserializing request' },
    })
  })

  it('is aborted with DEADLINE_EXCEEDED if the server notices the deadline', async () => {
    const { address, final } = await startServer(silent().handlers)
    const { head } = await rawCall(address, { 'grpc-timeout': '1m', 'x-trace-id': ID })
    expect(head).toMatchObject({ 'grpc-status': '4', 'x-trace-id': ID })
    expect(await final()).toMatchObject({ outcome: 'aborted', status: status.DEADLINE_EXCEEDED, trace_id: ID })
  })

  it.each(['list', 'chat'] as const)('is aborted if the client cancels during the response: %s', async (method) => {
    const { client, final, records } = await startServer({
      list: (call) => call.write({ text: 'one' }),
      chat: (call) => call.write({ text: 'one' }),
    })
    const call = client.start(method)
    expect(await call.firstText).toBe('one')
    call.cancel()
    expect(await final()).toMatchObject({ state: 'Responded', outcome: 'aborted', status: status.CANCELLED })
    expect(statesOf(records)).toBe(STRAIGHT)
  })

  it('is aborted and runs no handler if the client cancels during authentication', async () => {
    let ask: () => void = () => undefined
    let answer: (principal: string) => void = () => undefined
    const authenticating = new Promise<void>((resolve) => (ask = resolve))
    const principal = new Promise<string>((resolve) => (answer = resolve))
    const { handlers, called } = silent()
    let ran = false
    void called.then(() => (ran = true))
    const authenticate = (): Promise<string> => {
      ask()
      return principal
    }
    const { client, final, records } = await startServer(handlers, { authenticate })
    const call = client.start('chat')
    await authenticating
    call.cancel()
    expect(await final()).toMatchObject({ state: 'Failed', outcome: 'aborted', implied: true })
    answer('ada')
    await call.answer
    expect(statesOf(records)).toBe('Received Failed')
    expect(ran).toBe(false)
  })

  it('is recorded once, even if the handler continues', async () => {
    let late: () => void = () => undefined
    const { client, final, records } = await startServer({
      unary: (_, callback) => {
        late = () => callback({ code: status.INTERNAL, details: 'too late' })
        callback(null, { text: 'done' })
      },
    })
    expect((await client.call('unary')).texts).toEqual(['done'])
    late()
    expect(await final()).toMatchObject({ outcome: 'ok' })
    expect(statesOf(records)).toBe(STRAIGHT)
    expect(records.filter(({ lifecycle }) => lifecycle !== 'transition')).toEqual([])
  })

  it('of a request that was handed off is noted once', async () => {
    const { client, records, when } = await startServer({
      unary: (_, callback) => {
        const request = currentRequest()
        void request?.enqueue(() => undefined).then(() => callback(null, { text: 'accepted' }))
      },
    })
    expect((await client.call('unary')).texts).toEqual(['accepted'])
    const note = await when((records) => records.find(({ lifecycle }) => lifecycle === 'note'))
    expect(note).toMatchObject({ event: 'RESPOND', state: 'Queued', data: { outcome: 'ok', status: 0 } })
    expect(records.filter(({ lifecycle }) => lifecycle === 'note')).toHaveLength(1)
  })

  it("uses the machine's own event for the outcome", async () => {
    const { client, final } = await startServer(
      { unary: (_, callback) => callback({ code: status.INTERNAL }) },
      { machine: withRetries },
    )
    await client.call('unary')
    expect(await final()).toMatchObject({ state: 'Failed', event: 'FAIL', outcome: 'error', status: status.INTERNAL })
  })

  it('is aborted if the server is forced to shut down', async () => {
    const { handlers, called } = silent()
    const { client, final, server } = await startServer(handlers)
    const call = client.start('unary')
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
  ])('refuses the caller if it %s', async (_, authenticate) => {
    const { client, records } = await startServer(echo, { authenticate })
    expect((await client.call('unary')).status.code).toBe(status.UNAUTHENTICATED)
    expect(statesOf(records)).toBe('Received Failed')
  })

  it('is left to the handler with manual authentication', async () => {
    const { client, records } = await startServer(
      {
        unary: (_, callback) => {
          currentRequest()?.authenticated('ada')
          callback(null, { text: String(currentRequest()?.principal) })
        },
      },
      { auth: 'manual' },
    )
    expect((await client.call('unary')).texts).toEqual(['ada'])
    expect(statesOf(records)).toBe(STRAIGHT)
    expect(transitions(records)[1]).not.toHaveProperty('implied')
  })

  it("does not break a call that is authenticated twice with onInvalid: 'throw'", async () => {
    const authenticate = (): boolean => currentRequest()?.authenticated() ?? false
    for (const once of [authenticate, async () => Promise.resolve(authenticate())]) {
      const { client, records } = await startServer(echo, { authenticate: once, onInvalid: 'throw' })
      expect((await client.call('unary')).status.code).toBe(status.OK)
      expect(statesOf(records)).toBe(STRAIGHT)
    }
  })
})

describe('incoming ids', () => {
  it('are the 128 bits of a traceparent', async () => {
    const { client, records } = await startServer(echo)
    const { head } = await client.call('unary', {
      metadata: metadata({ traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01` }),
    })
    expect(head?.get('x-trace-id')).toEqual([ID])
    expect(transitions(records)[0]).toMatchObject({ trace_id: ID, parent_id: PARENT })
  })

  it.each([
    ['an id with a forbidden character', { 'x-trace-id': 'a b' }, 3],
    ['a repeated id', { 'x-trace-id': ['first', 'second'] }, 'first, second'.length],
    ['a huge id', { 'x-trace-id': 'a'.repeat(4_000) }, 4_000],
    ['an empty id', { 'x-trace-id': '' }, 0],
    ['a traceparent of zeros', { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` }, 55],
    [
      'a repeated traceparent',
      { traceparent: [`00-${w3cTraceId(ID)}-${PARENT}-01`, `00-${w3cTraceId(ID)}-${PARENT}-01`] },
      112,
    ],
  ])('are replaced if they are invalid: %s', async (_, headers, length) => {
    const { address, records } = await startServer(echo)
    const { head, trailers } = await rawCall(address, headers)
    const [first] = transitions(records)
    expect(trailers).toMatchObject({ 'grpc-status': '0' })
    expect(first).toMatchObject({ rejected_id: true, rejected_length: length })
    expect(first?.trace_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(head['x-trace-id']).toBe(first?.trace_id)
  })

  describe('the vectors of W3C Trace Context', () => {
    /** Sends headers, one call after the other: the request that each started, and whether an id was rejected. */
    async function firstRecords(sent: readonly Readonly<Record<string, string>>[]) {
      const requests: (TrackedRequest | undefined)[] = []
      const { address, records } = await startServer({
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

    /** HTTP/2 accepts only such values. */
    const sendable = ([, header]: readonly [what: string, header: string, ...unknown[]]): boolean =>
      /^[\x20-\x7e]{0,2000}$/.test(header) && header === header.trim()

    it('valid traceparents are used', async () => {
      const vectors = VALID.filter(sendable)
      for (const [index, { request, rejected }] of (
        await firstRecords(vectors.map(([, traceparent]) => ({ traceparent })))
      ).entries()) {
        const [what, , flags = 0] = vectors[index] ?? []
        expect(
          [request?.traceId, request?.parentId, request?.headers().traceparent?.slice(-2), rejected],
          what,
        ).toEqual([DASHED, PARENT, `0${String(flags & 3)}`, false])
      }
    })

    it('invalid traceparents start a new trace', async () => {
      const vectors = INVALID.filter(sendable)
      for (const [index, { request, rejected }] of (
        await firstRecords(vectors.map(([, traceparent]) => ({ traceparent, tracestate: 'foo=1' })))
      ).entries()) {
        expect([request?.parentId, request?.headers().tracestate, rejected], vectors[index]?.[0]).toEqual([
          undefined,
          undefined,
          true,
        ])
        expect(request?.traceId, vectors[index]?.[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      }
    })

    it('tracestates are sent on as the standard says', async () => {
      const vectors = STATES.filter(sendable)
      for (const [index, { request }] of (
        await firstRecords(vectors.map(([, tracestate]) => ({ traceparent: GOOD, tracestate })))
      ).entries()) {
        expect(request?.headers().tracestate, vectors[index]?.[0]).toBe(vectors[index]?.[2])
      }
    })
  })

  it('are not used by a server that does not trust the caller', async () => {
    const sources: unknown[] = []
    const trustIncoming = (source: unknown): boolean => {
      sources.push(source)
      return false
    }
    const { client, records } = await startServer(echo, { trustIncoming })
    const { head } = await client.call('unary', { metadata: metadata({ 'x-trace-id': ID }) })
    expect(head?.get('x-trace-id')).toEqual([records[0]?.trace_id])
    expect(records[0]?.trace_id).not.toBe(ID)
    expect(sources).toMatchObject([{ path: pathOf('unary') }])
  })

  it('cannot resume a request', async () => {
    const { client, records } = await startServer(echo)
    await client.call('unary', { metadata: metadata({ 'x-trace-id': ID, 'x-lifecycle': `${PARENT};Queued;3;1` }) })
    expect(statesOf(records)).toBe(STRAIGHT)
    expect(records[0]?.request_id).not.toBe(PARENT)
  })

  it('never break a call, whatever they contain', async () => {
    const { address, tracker } = await startServer(echo)
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

describe('the metadata of a response', () => {
  it("keeps the handler's own, which is not changed", async () => {
    const own = metadata({ 'x-shop': 'corner' })
    const trailer = metadata({ 'x-cost': '1' })
    const { client, records } = await startServer({
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
  it.each(METHODS)('makes the current request the parent of the call: %s', async (method) => {
    const { client, records } = await startServer(echo)
    const caller = createTracker({ service: 'caller', logger: false }).start({
      traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01`,
      tracestate: 'shop=1',
    })
    const { status: sent } = await caller.run(() => client.call(method))
    expect(sent.code).toBe(status.OK)
    expect(transitions(records)[0]).toMatchObject({ trace_id: ID, parent_id: parentOfCall(caller.requestId) })
  })

  it('carries the trace through a server that calls another', async () => {
    const behind = await startServer(echo)
    const front = await startServer({
      unary: (_, callback) =>
        void behind.client.call('unary').then(({ texts }) => callback(null, { text: texts.join() })),
    })
    const { texts } = await front.client.call('unary', { metadata: metadata({ 'x-trace-id': 'abc-123' }) })
    expect(texts).toEqual(['hello abc-123'])
    expect(transitions(behind.records)[0]).toMatchObject({
      trace_id: 'abc-123',
      parent_id: parentOfCall(front.records[0]?.request_id ?? ''),
    })
  })

  /** The metadata that a client sends, as the next interceptor receives it. */
  async function sentWith(own: Metadata, request: TrackedRequest | undefined): Promise<Record<string, unknown>> {
    const { address } = await startServer(echo)
    let sent: Record<string, unknown> = {}
    const spy: Interceptor = (options, nextCall) =>
      new InterceptingCall(nextCall(options), {
        start: (metadata, listener, next) => {
          sent = metadata.getMap()
          next(metadata, listener)
        },
      })
    const client = new Texts(address, [propagate(), spy])
    const call = (): Promise<unknown> => client.call('unary', { metadata: own })
    await (request === undefined ? call() : request.run(call))
    return sent
  }

  const parent = { traceparent: `00-${w3cTraceId(ID)}-${PARENT}-01`, tracestate: 'shop=1' }
  const start = (): TrackedRequest => createTracker({ service: 'caller', logger: false }).start(parent)

  it("sends the trace id, traceparent and tracestate, and does not change the caller's metadata", async () => {
    const own = metadata({ 'x-shop': 'corner' })
    const request = start()
    expect(await sentWith(own, request)).toEqual({ 'x-shop': 'corner', ...headersOfCall(request) })
    expect(headersOfCall(request)).toMatchObject({ 'x-trace-id': ID, tracestate: 'shop=1' })
    expect(own.getMap()).toEqual({ 'x-shop': 'corner' })
  })

  it('answers with its own trace id where a handler passes on what another server answered', async () => {
    const behind = await startServer(
      {
        unary: (call, callback) => {
          call.sendMetadata(metadata({ 'x-trace-id': 'behind', 'x-shop': 'corner' }))
          callback({
            code: status.ABORTED,
            details: 'no',
            metadata: metadata({ 'x-trace-id': 'trailing', 'x-tail': 'end' }),
          })
        },
      },
      { trustIncoming: false },
    )
    const [sends, fails] = await Promise.all(
      [true, false].map((sendsMetadata) =>
        startServer({
          unary: (call, callback) =>
            void behind.client.call('unary').then(({ head = metadata({}), status: sent }) => {
              if (sendsMetadata) call.sendMetadata(head)
              callback({ code: sent.code, details: sent.details, metadata: sent.metadata })
            }),
        }),
      ),
    )
    const first = await sends?.client.call('unary')
    expect(first?.head?.getMap()).toMatchObject({ 'x-shop': 'corner', 'x-trace-id': sends?.records[0]?.trace_id })
    expect(first?.status.metadata.getMap()).toEqual({ 'x-tail': 'end' })
    const second = await fails?.client.call('unary')
    expect(second?.status.metadata.get('x-trace-id')).toEqual([fails?.records[0]?.trace_id])
  })

  it('overwrites no key that the caller has set', async () => {
    const request = start()
    expect(await sentWith(metadata({ 'x-trace-id': 'mine' }), request)).toEqual({
      ...headersOfCall(request),
      'x-trace-id': 'mine',
    })
    // Beside the caller's traceparent, our tracestate would describe another trace.
    const theirs = `00-${'a'.repeat(32)}-${PARENT}-00`
    expect(await sentWith(metadata({ traceparent: theirs }), request)).toEqual({
      'x-trace-id': ID,
      traceparent: theirs,
    })
    expect(await sentWith(metadata({ tracestate: 'theirs=1' }), request)).toEqual({
      ...headersOfCall(request, 2),
      tracestate: 'theirs=1',
    })
  })

  it('replaces what was copied from the metadata of the call that came in, and drops what nothing replaces', async () => {
    const gateway = createTracker({
      service: 'gateway',
      logger: false,
      trustIncoming: false,
      headers: { read: ['x-request-id', 'x-id-bin'] },
    })
    const copied = metadata({ 'x-trace-id': 'foreign', ...parent, 'x-request-id': 'foreign', 'x-shop': 'corner' })
    copied.set('x-id-bin', Buffer.from('foreign'))
    const request = gateway.start(copied)
    expect(await sentWith(copied, request)).toEqual({
      'x-shop': 'corner',
      'x-request-id': request.traceId,
      ...headersOfCall(request),
    })
  })

  it('adds nothing outside a request', async () => {
    expect(await sentWith(metadata({ 'x-shop': 'corner' }), undefined)).toEqual({ 'x-shop': 'corner' })
  })
})

it("accepts a tracker's options, and throws immediately for invalid ones", () => {
  expect(() => new Server({ interceptors: [trackRequest({ service: 'texts', logger: false })] })).not.toThrow()
  expect(() => trackRequest({ service: '' })).toThrow(expect.objectContaining({ code: 'THROUGHLINE_BAD_OPTION' }))
})

it('continues if a sink throws', async () => {
  const broken = {
    write: () => {
      throw new Error('disk full')
    },
  }
  const { client, tracker } = await startServer(echo, { sinks: [broken] })
  expect((await client.call('unary')).status.code).toBe(status.OK)
  expect(tracker.stats.faults).toBeGreaterThan(0)
})

describe('which calls are logged, and how', () => {
  const probe = metadata({ 'x-probe': 'yes', 'x-trace-id': ID })
  const isProbe = ({ metadata: sent }: IncomingCall): boolean => sent.get('x-probe').length > 0

  it.each(METHODS)('an ignored call leaves no line and no count, and its id still travels: %s', async (method) => {
    const { client, records, tracker } = await startServer(echo, { ignore: isProbe })
    const { texts, head, status: sent } = await client.call(method, { metadata: probe })
    expect([sent.code, head?.get('x-trace-id')]).toEqual([status.OK, [ID]])
    expect(texts.join(' ')).toContain(ID)
    expect(records).toEqual([])
    expect(tracker.stats).toMatchObject({ requests: 0, transitions: 0, inFlight: 0, faults: 0 })
  })

  it('an ignored call carries its trace on, and its caller is authenticated', async () => {
    const back = await startServer(echo)
    const front = await startServer(
      {
        unary: (_, callback) =>
          void back.client.call('unary').then(({ texts }) => callback(null, { text: texts.join(' ') })),
      },
      { ignore: isProbe, authenticate: ({ metadata: sent }) => sent.get('user').length > 0 },
    )
    expect((await front.client.call('unary', { metadata: probe })).status.code).toBe(status.UNAUTHENTICATED)
    const { texts } = await front.client.call('unary', {
      metadata: metadata({ 'x-probe': '1', 'x-trace-id': ID, user: 'a' }),
    })
    expect(texts).toEqual([`hello ${ID}`])
    expect(front.records).toEqual([])
    expect(back.records[0]).toMatchObject({ trace_id: ID, parent_id: expect.any(String) as string })
  })

  it('a predicate that throws counts as false', async () => {
    const ignore = (): never => {
      throw new Error('broken')
    }
    const { client, final, tracker } = await startServer(echo, { ignore })
    await client.call('unary')
    expect((await final()).outcome).toBe('ok')
    expect(tracker.stats).toMatchObject({ requests: 1, faults: 1 })
  })

  it('path rewrites what is logged, and fields are the data of the first line', async () => {
    const { client, records, final } = await startServer(echo, {
      path: ({ path: asked }, path) => `${asked === path ? 'same' : 'other'} ${path.slice(path.lastIndexOf('/'))}`,
      fields: ({ metadata: sent }) => ({ tenant: sent.get('tenant')[0] }),
    })
    await client.call('unary', { metadata: metadata({ tenant: 'cave' }) })
    await final()
    expect(transitions(records)[0]).toMatchObject({ path: `same ${pathOf('unary').replace(/.*\//, '/')}` })
    expect(records.map(({ data }) => data)).toEqual([{ tenant: 'cave' }, undefined, undefined, undefined])
  })

  it('a path function that throws hides the path', async () => {
    const path = (): never => {
      throw new Error('broken')
    }
    const { client, records, final, tracker } = await startServer(echo, { path })
    await client.call('unary')
    await final()
    expect(records[0]).not.toHaveProperty('path')
    expect(tracker.stats.faults).toBe(1)
  })

  it('the id travels under other names, and newTraceId gets the call', async () => {
    const sources: unknown[] = []
    const { client, records, final } = await startServer(echo, {
      headers: { read: ['x-request-id', 'x-trace-id'], echo: ['x-request-id', 'x-trace-id'] },
      newTraceId: (source) => `id-${String(sources.push(source))}`,
    })
    const { head } = await client.call('unary', { metadata: metadata({ 'x-request-id': 'r-1', 'x-trace-id': ID }) })
    await final()
    expect(records[0]?.trace_id).toBe('r-1')
    expect([head?.get('x-request-id'), head?.get('x-trace-id')]).toEqual([['r-1'], ['r-1']])
    await client.call('unary')
    expect(sources).toMatchObject([{ path: pathOf('unary') }])
  })

  it.each(['x-id-bin', 'x!id'])('a name that is no key of metadata is refused: %s', async (echoed) => {
    await expect(startServer(echo, { headers: { echo: echoed } })).rejects.toMatchObject({
      code: 'THROUGHLINE_BAD_OPTION',
    })
  })

  it('the types of its functions need no annotation', () => {
    trackRequest({
      service: 'texts',
      authenticate: (call) => {
        expectTypeOf(call).toEqualTypeOf<IncomingCall>()
        return call.getPeer()
      },
      ignore: (call) => call.path.includes('Health'),
    })
  })
})
