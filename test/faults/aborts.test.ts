import fc from 'fast-check'
import { once } from 'node:events'
import {
  connect as connectSecond,
  constants,
  createServer as createSecondServer,
  type IncomingHttpHeaders,
} from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { recordingTracker } from '../adapters/http-host.ts'
import { deferred } from '../deferred.ts'
import { BUDGET } from './_budget.ts'
import { judged } from './_audit-result.ts'
import { fileNamed, start, type Program } from './_program.ts'
import { told } from './_http-client.ts'
import { count, share, tell } from './_server-stats.ts'

/** A client that leaves after so many of its bytes, or of those that came back; or does not. */
interface Leaving {
  readonly path: 'ok' | 'read' | 'large' | 'held'
  /** Requests that follow each other without waiting. */
  readonly pipelined: number
  readonly sends: number
  readonly reads: number
  readonly how: 'destroys' | 'resets' | 'stays'
}

const leaving: fc.Arbitrary<Leaving> = fc.record({
  path: fc.constantFrom('ok', 'read', 'large', 'held'),
  pipelined: fc.integer({ min: 1, max: 3 }),
  sends: fc.noBias(fc.nat(2_000)),
  reads: fc.noBias(fc.nat(400_000)),
  how: fc.constantFrom('destroys', 'destroys', 'resets', 'stays'),
})

function leave(socket: Socket, how: Leaving['how']): void {
  if (how === 'resets') socket.resetAndDestroy()
  else socket.destroy()
}

/** Plays one client; resolves once its socket has closed. */
function play({ url }: Program, { path, pipelined, sends, reads, how }: Leaving): Promise<void> {
  const { hostname, port } = new URL(url)
  const body = 'x'.repeat(1_000)
  const asking = (last: boolean): string =>
    `POST /${path} HTTP/1.1\r\nHost: a\r\n${last ? 'Connection: close\r\n' : ''}Content-Length: ${String(body.length)}\r\n\r\n${body}`
  const message = asking(false).repeat(pipelined - 1) + asking(true)
  return new Promise((resolve) => {
    let read = 0
    const socket = connect(Number(port), hostname, () => {
      socket.write(how === 'stays' ? message : message.slice(0, sends), () => {
        if (how !== 'stays' && sends < message.length) leave(socket, how)
      })
    })
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length
      if (how !== 'stays' && read > reads) leave(socket, how)
    })
    // For these no answer comes.
    if (path === 'held' && how !== 'stays') socket.once('ready', () => setImmediate(() => leave(socket, how)))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    onTestFinished(() => void socket.destroy())
  })
}

describe('clients that leave at any moment', () => {
  test('leave nothing in flight, and every request has a valid end', async (context) => {
    const log = fileNamed('aborts.ndjson')
    const server = await start('mortal-server', { args: ['default'], stdout: log })
    await fc.assert(
      fc.asyncProperty(fc.array(leaving, { minLength: 10, maxLength: 10 }), async (all) => {
        let left = all.length
        for (const one of all) void play(server, one).then(() => (left -= 1))
        // Those that stay get their answers in the end.
        while (left > 0) await told(server, 'release')
      }),
      { numRuns: BUDGET.overHttp / 10, endOnFailure: true },
    )
    // Whole exchanges, in which the server hears of all that was before them.
    for (let n = 0; n < 5; n += 1) await ask(`${server.url}/ok`)
    const stats = await told(server)
    server.child.kill()
    await server.ended
    const { stuck, report, records } = await judged(log)
    expect(stuck).toEqual([])
    expect(report).toMatchObject({ invalid: [], gaps: [], checked: { damaged_lines: 0 } })
    expect(stats).toMatchObject({ requests: report.checked.requests, faults: 0, inFlight: 0 })
    const aborted = records.filter((record) => record.lifecycle === 'transition' && record.outcome === 'aborted').length
    expect(aborted).toBeGreaterThan(0)
    tell(context, {
      fault: 'sockets that are destroyed at any moment, requests in a row on them among others',
      tried: `${count(report.checked.requests)} requests, ${count(aborted)} of them aborted`,
      lost: `the end of ${share(0, report.checked.requests)} requests`,
    })
  })

  // Of a response that waits for the one before it on its connection, Node before version 24 tells nothing when that closes.
  test('while one request waits behind another on the same connection leave nothing in flight', async () => {
    const server = await start('mortal-server', { args: ['default'] })
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    for (const [id, path] of [
      ['first', 'held'],
      ['second', 'ok'],
    ])
      socket.write(`GET /${String(path)} HTTP/1.1\r\nHost: a\r\nX-Trace-ID: ${String(id)}\r\n\r\n`)
    await server.marked.until('begin', 'second')
    socket.destroy()
    // Another client's whole exchange, and more turns of the event loop than it takes to hear of the end of a connection.
    for (let n = 0; n < 20; n += 1) expect(await ask(`${server.url}/ok`)).toMatchObject({ status: 200 })
    expect(await told(server)).toMatchObject({ requests: 22, inFlight: 0 })
  })

  test('a stream of HTTP/2 that follows a cancelled one on the same connection has an id of its own', async () => {
    const recording = recordingTracker()
    const begun = deferred()
    const handler = recording.tracker.trackRequest((req, res) =>
      req.url === '/held' ? begun.resolve() : res.end('served'),
    )
    const server = createSecondServer((req, res) => {
      // The compatible classes of node:http2 have the members that are touched, but not the types.
      void (handler as (...args: unknown[]) => unknown)(req, res)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    // A server that listens on TCP has an address of this kind.
    const client = connectSecond(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    const held = client.request({ ':path': '/held' })
    await begun.promise
    held.close(constants.NGHTTP2_CANCEL)
    await recording.ended(1)
    const next = client.request({ ':path': '/ok' })
    const [headers] = (await once(next, 'response')) as [IncomingHttpHeaders]
    next.resume()
    await recording.ended(2)
    const runs = recording.byRequest()
    expect(runs.map((run) => run.at(-1))).toMatchObject([{ outcome: 'aborted' }, { outcome: 'ok' }])
    expect(headers['x-trace-id']).toBe(runs[1]?.[0]?.trace_id)
    expect(headers['x-trace-id']).not.toBe(runs[0]?.[0]?.trace_id)
    expect(recording.tracker.inFlight()).toEqual([])
  })
})
