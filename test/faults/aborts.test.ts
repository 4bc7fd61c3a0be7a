import fc from 'fast-check'
import { once } from 'node:events'
import { Agent } from 'node:http'
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
} from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { recordingTracker } from '../adapters/http-host.ts'
import { deferred } from '../deferred.ts'
import { auditFiles } from './_audit-result.ts'
import { addRow, count, share } from './_fault-row.ts'
import { getStats } from './_http-client.ts'
import { startProgram, tempFile, type Program } from './_program.ts'
import { RUNS } from './_run-counts.ts'
import type { ServerStats } from './programs/fault-server.ts'

/** A client, and when it disconnects. */
interface Client {
  readonly path: 'ok' | 'read' | 'large' | 'held'
  /** The number of requests that it sends without waiting for responses. */
  readonly pipelined: number
  /** It disconnects after it has sent this many bytes of its requests, if that is not all of them. */
  readonly sends: number
  /** It disconnects after it has received more than this many bytes. */
  readonly reads: number
  readonly end: 'destroys' | 'resets' | 'stays'
}

const CLIENTS_PER_RUN = 10

const client: fc.Arbitrary<Client> = fc.record({
  path: fc.constantFrom('ok', 'read', 'large', 'held'),
  pipelined: fc.integer({ min: 1, max: 3 }),
  sends: fc.noBias(fc.nat(2_000)),
  reads: fc.noBias(fc.nat(400_000)),
  end: fc.constantFrom('destroys', 'destroys', 'resets', 'stays'),
})

function disconnect(socket: Socket, end: Client['end']): void {
  if (end === 'resets') socket.resetAndDestroy()
  else socket.destroy()
}

/** Runs one client and resolves once its socket has closed. */
function runClient({ url }: Program, { path, pipelined, sends, reads, end }: Client): Promise<void> {
  const { hostname, port } = new URL(url)
  const body = 'x'.repeat(1_000)
  const requestText = (isLast: boolean): string =>
    [
      `POST /${path} HTTP/1.1`,
      'Host: a',
      ...(isLast ? ['Connection: close'] : []),
      `Content-Length: ${String(body.length)}`,
      '',
      body,
    ].join('\r\n')
  const message = requestText(false).repeat(pipelined - 1) + requestText(true)
  return new Promise((resolve) => {
    let read = 0
    const socket = connect(Number(port), hostname, () => {
      socket.write(end === 'stays' ? message : message.slice(0, sends), () => {
        if (end !== 'stays' && sends < message.length) disconnect(socket, end)
      })
    })
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length
      if (end !== 'stays' && read > reads) disconnect(socket, end)
    })
    // Nothing is received from a held response.
    if (path === 'held' && end !== 'stays') socket.once('ready', () => setImmediate(() => disconnect(socket, end)))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    onTestFinished(() => void socket.destroy())
  })
}

/** Resolves once the server has seen the end of every connection that was made before. */
async function afterDisconnects(server: Program): Promise<ServerStats> {
  // The server accepts connections in order: once this one is served, it has accepted all before it.
  expect(await ask(`${server.url}/ok`, { agent: new Agent() })).toMatchObject({ status: 200 })
  let stats = await getStats(server)
  while (stats.connections > 0) stats = await getStats(server)
  return stats
}

describe('clients that disconnect at random times', () => {
  test('leave nothing in flight, and every request has a valid end', async (context) => {
    const log = tempFile('aborts.ndjson')
    const server = await startProgram('fault-server', { args: ['default'], stdout: log })
    const clients = fc.array(client, { minLength: CLIENTS_PER_RUN, maxLength: CLIENTS_PER_RUN })
    await fc.assert(
      fc.asyncProperty(clients, async (all) => {
        let connected = all.length
        for (const one of all) void runClient(server, one).then(() => (connected -= 1))
        // Clients that stay wait for their held responses.
        while (connected > 0) await getStats(server, 'release')
      }),
      { numRuns: RUNS.abortedRequests / CLIENTS_PER_RUN, endOnFailure: true },
    )
    const stats = await afterDisconnects(server)
    server.child.kill()
    await server.ended
    const { stuck, report, records } = await auditFiles(log)
    expect(stuck).toEqual([])
    expect(report).toMatchObject({ invalid: [], gaps: [], checked: { damaged_lines: 0 } })
    expect(stats).toMatchObject({ requests: report.checked.requests, faults: 0, inFlight: 0 })
    const aborted = records.filter((record) => record.lifecycle === 'transition' && record.outcome === 'aborted').length
    expect(aborted).toBeGreaterThan(0)
    addRow(context, {
      fault: 'sockets destroyed at random times, with pipelined requests among them',
      tried: `${count(report.checked.requests)} requests, ${count(aborted)} of them aborted`,
      lost: `the end of ${share(0, report.checked.requests)} requests`,
    })
  })

  // Before version 24 Node emits no event for a response that waits behind another one when their connection closes.
  test('leave nothing in flight if a request waits behind another one on the same connection', async () => {
    const server = await startProgram('fault-server', { args: ['default'] })
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    for (const [id, path] of [
      ['first', 'held'],
      ['second', 'ok'],
    ])
      socket.write(`GET /${String(path)} HTTP/1.1\r\nHost: a\r\nX-Trace-ID: ${String(id)}\r\n\r\n`)
    await server.marks.until('started', 'second')
    socket.destroy()
    expect(await afterDisconnects(server)).toMatchObject({ requests: 3, inFlight: 0 })
  })

  test('do not share an id with the next HTTP/2 stream of their connection', async () => {
    const observed = recordingTracker()
    const started = deferred()
    const handler = observed.tracker.trackRequest((req, res) =>
      req.url === '/held' ? started.resolve() : res.end('served'),
    )
    const server = createHttp2Server((req, res) => {
      // The compatibility classes of node:http2 have the members that are used, but not the types.
      void (handler as (...args: unknown[]) => unknown)(req, res)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    // The address of a server that listens on TCP is an AddressInfo.
    const session = connectHttp2(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const held = session.request({ ':path': '/held' })
    await started.promise
    held.close(constants.NGHTTP2_CANCEL)
    await observed.ended(1)
    const next = session.request({ ':path': '/ok' })
    const [headers] = (await once(next, 'response')) as [IncomingHttpHeaders]
    next.resume()
    await observed.ended(2)
    const requests = observed.byRequest()
    expect(requests.map((records) => records.at(-1))).toMatchObject([{ outcome: 'aborted' }, { outcome: 'ok' }])
    expect(headers['x-trace-id']).toBe(requests[1]?.[0]?.trace_id)
    expect(headers['x-trace-id']).not.toBe(requests[0]?.[0]?.trace_id)
    expect(observed.tracker.inFlight()).toEqual([])
  })
})
