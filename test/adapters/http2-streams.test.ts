import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect, constants, type ServerHttp2Stream } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, pipeline } from 'node:stream'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { currentTraceId } from '../../src/tracking/current-request.ts'
import type { StreamHandler, StreamHandlerOptions } from '../../src/handlers/stream-handler.ts'
import { summarizeTransitions } from '../tracker-fixture.ts'
import { ask2, cancel2 } from './http2-client.ts'
import { listen } from './http-servers.ts'
import { recordingTracker, type RecordingTracker, type RunningServer } from './http-host.ts'

const IMPLIED = ['0 Received', '1 AUTH_OK Authenticated implied', '2 PROCESS Processing implied']
const folder = mkdtempSync(join(tmpdir(), 'throughline-'))
const file = join(folder, 'file.txt')
writeFileSync(file, 'from a file')
afterAll(() => rmSync(folder, { recursive: true }))

/** Ways of answering on a stream, and what a client gets. */
const ANSWERS: readonly (readonly [what: string, answer: (stream: ServerHttp2Stream) => unknown, body: string])[] = [
  [
    'respond',
    (stream) => {
      stream.respond({ ':status': 201 })
      stream.end('by hand')
    },
    'by hand',
  ],
  ['respondWithFile', (stream) => stream.respondWithFile(file, { ':status': 201 }), 'from a file'],
  ['respondWithFD', (stream) => stream.respondWithFD(openSync(file, 'r'), { ':status': 201 }), 'from a file'],
]

describe('streams of node:http2', () => {
  let serving: RunningServer | undefined
  afterEach(() => serving?.close())

  async function start(handler: StreamHandler, options: StreamHandlerOptions = {}): Promise<RecordingTracker> {
    const recording = recordingTracker()
    const server = createServer()
    server.on('stream', recording.tracker.trackRequest(handler, options))
    serving = await listen(server)
    return recording
  }

  const url = (): string => serving?.url ?? ''

  test.each(ANSWERS)('a handler of streams that answers by %s', async (_, answer, body) => {
    const server = await start((stream) => void answer(stream))
    const response = await ask2(url(), { headers: { 'x-trace-id': 'theirs' } })
    expect(response).toMatchObject({ body, headers: { ':status': 201, 'x-trace-id': 'theirs' } })
    await server.ended(1)
    expect(summarizeTransitions(server.records)).toEqual([...IMPLIED, '3 RESPOND Responded ok'])
    expect(server.records[0]).toMatchObject({ method: 'GET', path: '/', trace_id: 'theirs' })
    expect(server.records.at(-1)).toMatchObject({ status: 201 })
  })

  test.each(ANSWERS)('a handler of requests that answers on the stream by %s', async (_, answer, body) => {
    const { tracker, records, ended } = recordingTracker()
    serving = await listen(
      createServer(
        tracker.trackRequest((_req, res: { readonly stream: ServerHttp2Stream }) => void answer(res.stream)),
      ),
    )
    const response = await ask2(url())
    expect(response).toMatchObject({ body, headers: { ':status': 201 } })
    await ended(1)
    expect(response.headers['x-trace-id']).toBe(records[0]?.trace_id)
    expect(records.at(-1)).toMatchObject({ outcome: 'ok', status: 201 })
  })

  test('a stream that the client cancels is aborted, and the next one has a request of its own', async () => {
    let streams = 0
    const server = await start((stream) => {
      stream.respond()
      if (++streams === 1) stream.write('half')
      else stream.end(currentTraceId())
    })
    const { body } = await cancel2(url())
    await server.ended(2)
    const [first, second] = server.byRequest()
    expect(first?.at(-1)).toMatchObject({ outcome: 'aborted' })
    expect(second?.at(-1)).toMatchObject({ outcome: 'ok', trace_id: body })
  })

  test('a source that fails halfway is the error', async () => {
    const server = await start((stream) => {
      const source = new PassThrough()
      stream.respond()
      pipeline(source, stream, () => undefined)
      source.write('half')
      setImmediate(() => source.destroy(new TypeError('torn')))
    })
    await ask2(url()).catch(() => undefined)
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 200, error: { message: 'torn' } })
  })

  test.each<[what: string, handler: StreamHandler]>([
    [
      'throws',
      () => {
        throw new TypeError('broken')
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('broken'))],
  ])('a handler that %s is answered with a 500', async (_, handler) => {
    const server = await start(handler)
    expect(await ask2(url())).toMatchObject({ headers: { ':status': 500 } })
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 500, error: { message: 'broken' } })
  })

  test('an error after the head resets the stream', async () => {
    const server = await start((stream) => {
      stream.respond()
      stream.write('half')
      throw new TypeError('broken')
    })
    const client = connect(url())
    const stream = client.request()
    const closed = new Promise((resolve) => stream.on('close', resolve))
    stream.on('error', () => undefined).resume()
    await closed
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    client.close()
    await server.ended(1)
    expect(server.records.at(-1)).toMatchObject({ outcome: 'error', status: 200, error: { message: 'broken' } })
  })

  test('a caller who is refused gets a 401', async () => {
    const server = await start(() => expect.unreachable(), {
      authenticate: (headers) => headers.authorization === 'anna',
    })
    expect(await ask2(url())).toMatchObject({ headers: { ':status': 401 } })
    await server.ended(1)
    expect(summarizeTransitions(server.records)).toEqual(['0 Received', '1 AUTH_ERROR Failed denied'])
  })
})
