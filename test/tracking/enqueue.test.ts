import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { extract } from '../../src/trace/carrier.ts'
import { deferred } from '../deferred.ts'
import { summarizeTransitions, trackerFixture, START, summarize } from '../tracker-fixture.ts'

describe('enqueue', () => {
  test('sends first: Queued is logged only once the broker has the message', async () => {
    const { tracker, records, clock } = trackerFixture()
    const request = tracker.start()
    const broker = deferred<string>()
    const sent = request.enqueue(() => broker.promise)
    expect(summarizeTransitions(records)).toEqual([
      '0 Received',
      '1 AUTH_OK Authenticated implied',
      '2 PROCESS Processing implied',
    ])
    expect(tracker.inFlight()).toEqual([request])
    clock.time += 30
    broker.resolve('receipt')
    expect(await sent).toBe('receipt')
    expect(records.at(-1)).toMatchObject({
      event: 'ENQUEUE',
      from: 'Processing',
      state: 'Queued',
      seq: 3,
      dwell_ms: 30,
    })
    expect(request.handedOver).toBe(true)
    expect(tracker.inFlight()).toEqual([])
  })

  test('the message names the state that the request is about to enter', async () => {
    const { tracker } = trackerFixture()
    const request = tracker.start({ 'x-trace-id': 'abc-123' })
    const headers = await request.enqueue((carrier) => carrier)
    expect(headers).toMatchObject({
      'x-trace-id': 'abc-123',
      'x-lifecycle': `${request.requestId};Queued;3;${String(START)}`,
    })
    expect(extract(headers, 'message')).toMatchObject({
      parentId: request.requestId,
      resumption: { state: 'Queued', seq: 3 },
    })
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('broker down'))],
    [
      'throws',
      () => {
        throw new Error('broker down')
      },
    ],
  ])('if the send %s, its error is thrown and the request is not Queued', async (_, send) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    await expect(request.enqueue(send)).rejects.toThrow('broker down')
    expect(request.state).toBe('Processing')
    expect(records.at(-1)).toMatchObject({
      lifecycle: 'note',
      event: 'ENQUEUE',
      state: 'Processing',
      error: { type: 'Error', message: 'broker down' },
    })
    expect(request.handedOver).toBe(false)
    expect(await request.enqueue((headers) => headers['x-lifecycle'])).toContain(';Queued;3;')
    expect(request.state).toBe('Queued')
  })

  test('a second message carries the request as its parent and causes no transition', async () => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    await request.enqueue(() => undefined)
    const headers = await request.enqueue((carrier) => carrier)
    expect(headers).not.toHaveProperty('x-lifecycle')
    expect(extract(headers, 'message').parentId).toBe(request.requestId)
    expect(summarize(records).slice(3)).toEqual(['3 ENQUEUE Queued', 'note ENQUEUE in Queued'])
    expect(records.at(-1)).toMatchObject({ data: { child: true } })
  })

  test('of two concurrent messages, the first hands the request off and the second is a child', async () => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    const [first, second] = [deferred(), deferred()]
    const carriers: Record<string, string>[] = []
    const both = [first, second].map(({ promise }) =>
      request.enqueue((headers) => promise.then(() => carriers.push(headers))),
    )
    second.resolve()
    await both[1]
    expect(request.state).toBe('Processing')
    first.resolve()
    await both[0]
    expect(carriers.map((headers) => 'x-lifecycle' in headers)).toEqual([false, true])
    expect(summarize(records).slice(3)).toEqual(['note ENQUEUE in Processing', '3 ENQUEUE Queued'])
  })

  test.each([
    ['after the response', ['AUTH_OK', 'PROCESS', 'RESPOND'], 'Responded'],
    ['after a refused authentication', ['AUTH_ERROR'], 'Failed'],
  ])('%s, the message is a child', async (_, events, state) => {
    const { tracker } = trackerFixture()
    const request = tracker.start()
    for (const event of events) request.send(event)
    expect(await request.enqueue((headers) => headers)).not.toHaveProperty('x-lifecycle')
    expect(request.state).toBe(state)
  })

  test('while it is pending, no other signal is accepted', async () => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    const broker = deferred()
    const sent = request.enqueue(() => broker.promise)
    expect(request.send('RESPOND')).toBe(false)
    broker.resolve()
    await sent
    expect(summarize(records).slice(3)).toEqual(['rejected RESPOND in Processing', '3 ENQUEUE Queued'])
  })

  test('while it is pending, the end of a request that is driven by hand waits for it', async () => {
    for (const [outcome, lines] of [
      ['sent', ['3 ENQUEUE Queued', 'note RESPOND in Queued']],
      ['refused', ['note ENQUEUE in Processing', '3 RESPOND Responded ok']],
    ] as const) {
      const { tracker, records } = trackerFixture()
      const request = tracker.start()
      const broker = deferred()
      const sent = request.enqueue(() => broker.promise).catch(() => undefined)
      expect(request.responded({ status: 202 })).toBe(false)
      if (outcome === 'sent') broker.resolve()
      else broker.reject(new Error('broker down'))
      await sent
      expect(summarize(records).slice(3)).toEqual(lines)
      expect(tracker.inFlight()).toEqual([])
    }
  })

  test('in a state that accepts no ENQUEUE, messages are children', async () => {
    const { tracker, records } = trackerFixture({ machine: requestWithRetriesMachine })
    const worker = tracker.resume({ 'x-trace-id': 't', 'x-lifecycle': '00000000000000aa;Queued;3;5' })
    expect(await worker.enqueue((headers) => headers)).not.toHaveProperty('x-lifecycle')
    expect(summarize(records)).toEqual(['4 ATTEMPT Working', 'note ENQUEUE in Working'])
  })
})

describe('a response that ends while a message is being sent', () => {
  const ends = [{ outcome: 'ok', status: 202 }, { outcome: 'aborted' }] as const

  test.each(ends)('is recorded as a note once the request is Queued ($outcome)', async (end) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    const broker = deferred()
    const sent = request.enqueue(() => broker.promise)
    request.finish(end)
    expect(request.state).toBe('Processing')
    broker.resolve()
    await sent
    expect(summarize(records).slice(3)).toEqual(['3 ENQUEUE Queued', 'note RESPOND in Queued'])
    expect(records.at(-1)).toMatchObject({ data: end })
    expect(request.ended).toBe(false)
  })

  test.each(ends)('ends the request once the send has failed ($outcome)', async (end) => {
    const { tracker, records } = trackerFixture()
    const request = tracker.start()
    const broker = deferred()
    const sent = request.enqueue(() => broker.promise)
    request.finish(end)
    request.finish({ outcome: 'error' })
    broker.reject(new Error('broker down'))
    await expect(sent).rejects.toThrow()
    expect(summarize(records).slice(3)).toEqual(['note ENQUEUE in Processing', `3 RESPOND Responded ${end.outcome}`])
    expect(tracker.inFlight()).toEqual([])
  })
})
