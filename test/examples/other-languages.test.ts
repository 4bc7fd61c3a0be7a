import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createServer, request as call, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTracker } from '../../src/index.ts'
import type { AuditReport } from '../../src/audit/report.ts'
import type { StoryReport } from '../../src/story/report.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { called, folderOf } from '../cli/_called.ts'
import { deferred } from '../deferred.ts'
import { schemaErrors } from '../lifecycle-schema.ts'
import { linesStream } from '../lines.ts'
import { root } from '../sources.ts'

const folder = join(root, 'examples/other-languages')

/** How the same service is had in each language; `make` gives the command that starts it. */
const LANGUAGES = [
  { name: 'Go', tool: 'go', version: ['version'], make: makeGo },
  {
    name: 'Python',
    tool: 'python3',
    version: ['--version'],
    make: () => ['python3', join(folder, 'python/service.py')],
  },
].map((language) => ({ ...language, missing: isMissing(language.tool, language.version) }))

function makeGo(made: string): string[] {
  const binary = join(made, 'service')
  execFileSync('go', ['build', '-o', binary, join(folder, 'go/main.go'), join(folder, 'go/lifecycle.go')])
  return [binary]
}

/** Skipped with a line that says so; with REQUIRE_SERVICES=1 its tests run, and fail. */
function isMissing(tool: string, version: readonly string[]): boolean {
  try {
    execFileSync(tool, version, { stdio: 'ignore' })
    return false
  } catch (error) {
    if (process.env.REQUIRE_SERVICES === '1') return false
    process.stderr.write(
      `skipped: ${tool} is not on this machine (${String(error)}); REQUIRE_SERVICES=1 makes this fail\n`,
    )
    return true
  }
}

type Line = Readonly<Record<string, unknown>>

interface Answer {
  readonly status: number
  readonly traceId: string | undefined
}

describe.each(LANGUAGES)('$name takes part', ({ missing, make }) => {
  const made = mkdtempSync(join(tmpdir(), 'language-'))
  const { stream, lines: ours } = linesStream()
  const logger = pino({ base: null }, stream)
  const catalog = createTracker({ service: 'catalog', logger })
  const gateway = createTracker({ service: 'gateway', logger })
  const [asked, released] = [deferred(), deferred()]
  const theirs: string[] = []
  let more: () => void = () => undefined
  let server: Server
  let service: ChildProcess | undefined
  let url = ''

  beforeAll(async () => {
    if (missing) return
    // It calls on to the catalog, which is tracked by the library, and breaks or waits where it is told to.
    server = createServer(
      catalog.trackRequest(async (req, res) => {
        if (req.url === '/slow') {
          asked.resolve()
          await released.promise
        }
        res.statusCode = req.url?.startsWith('/broken') === true ? 500 : 200
        res.end('9.50\n')
      }),
    )
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const [command = '', ...args] = make(made)
    // A server that listens on TCP has an address with a port.
    const NEXT_URL = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
    const started = spawn(command, args, {
      env: { ...process.env, NEXT_URL, PORT: '0', PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    service = started
    createInterface(started.stdout).on('line', (line) => {
      theirs.push(line)
      more()
    })
    const ready = once(createInterface(started.stderr), 'line') as Promise<[string]>
    // Rejects where there is no such program; one that ends at once says why.
    await once(started, 'spawn')
    const [said] = await ready
    url = `http://127.0.0.1:${/^listening on (\d+)$/.exec(said)?.[1] ?? said}`
  }, 180_000)

  afterAll(() => {
    service?.kill()
    if (!missing) server.close()
    rmSync(made, { recursive: true })
    catalog.close()
    gateway.close()
  })

  /** What was logged of the request that this call makes, when it has ended, and how it was answered. */
  async function told(
    path: string,
    headers: Readonly<Record<string, string | string[]>>,
  ): Promise<{ answer: Answer; lines: Line[] }> {
    const from = theirs.length
    const answer = await new Promise<Answer>((resolve, reject) => {
      const sent = call(`${url}${path}`, { headers, agent: false }, (res) => {
        const id = res.headers['x-trace-id']
        res
          .resume()
          .once('end', () => resolve({ status: res.statusCode ?? 0, traceId: typeof id === 'string' ? id : undefined }))
      })
      sent.once('error', reject).end()
    })
    return { answer, lines: await ended(from) }
  }

  /** The lines from a place on, once one of them tells of an end. */
  async function ended(from: number): Promise<Line[]> {
    // The shape of a line, which the schema checks.
    const lines = (): Line[] => theirs.slice(from).map((line) => JSON.parse(line) as Line)
    while (!lines().some(({ outcome }) => outcome !== undefined)) await new Promise<void>((resolve) => (more = resolve))
    return lines()
  }

  const states = (lines: readonly Line[]): string[] =>
    lines.map(({ seq, event, state, outcome }) =>
      [seq, event, state, outcome].filter((part) => typeof part === 'string' || typeof part === 'number').join(' '),
    )
  const authorization = 'Bearer sesame'
  const RESPONDED = ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing', '3 RESPOND Responded ok']

  test.skipIf(missing)('by an id that came in, whichever it is', async () => {
    for (const id of ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', 'abc-123', 'x'.repeat(128)]) {
      const { answer, lines } = await told('/price?token=hush', { authorization, 'x-trace-id': id })
      expect([answer, states(lines)]).toEqual([{ status: 200, traceId: id }, RESPONDED])
      expect(lines[0]).toMatchObject({ method: 'GET', path: '/price', trace_id: id })
      expect(lines[0]).not.toHaveProperty('parent_id')
      expect(lines.at(-1)).toMatchObject({
        status: 200,
        level: 30,
        dwell_ms: expect.any(Number) as unknown,
        duration_ms: expect.any(Number) as unknown,
      })
    }
  })

  test.skipIf(missing)('and lets nobody in who is not known', async () => {
    const { answer, lines } = await told('/price', { 'x-trace-id': 'abc-123' })
    expect([answer, states(lines)]).toEqual([
      { status: 401, traceId: 'abc-123' },
      ['0 Received', '1 AUTH_ERROR Failed denied'],
    ])
    expect(lines.at(-1)).toMatchObject({ status: 401 })
  })

  test.skipIf(missing)('by a traceparent alone', async () => {
    const { answer, lines } = await told('/price', {
      authorization,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'a=1',
    })
    expect([answer.traceId, states(lines)]).toEqual(['4bf92f35-77b3-4da6-a3ce-929d0e0e4736', RESPONDED])
    expect(lines[0]).toMatchObject({ parent_id: '00f067aa0ba902b7' })
    expect(lines[0]).not.toHaveProperty('rejected_id')
  })

  test.skipIf(missing)('names a parent only in its own trace', async () => {
    const parent = (traceId: string): string => `00-${w3cTraceId(traceId)}-00f067aa0ba902b7-01`
    expect(
      (await told('/price', { authorization, 'x-trace-id': 'abc-123', traceparent: parent('abc-123') })).lines[0],
    ).toMatchObject({ trace_id: 'abc-123', parent_id: '00f067aa0ba902b7' })
    expect(
      (await told('/price', { authorization, 'x-trace-id': 'abc-123', traceparent: parent('abc-124') })).lines[0],
    ).not.toHaveProperty('parent_id')
  })

  test.skipIf(missing).each<readonly [string, Readonly<Record<string, string | string[]>>, number]>([
    ['an id with a blank', { 'x-trace-id': 'no good' }, 7],
    ['an id that is too long', { 'x-trace-id': 'x'.repeat(129) }, 129],
    ['two ids', { 'x-trace-id': ['abc', 'def'] }, 6],
    ['a traceparent of zeros', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }, 55],
    [
      'a traceparent with more behind it',
      { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x' },
      57,
    ],
    ['a traceparent of version ff', { traceparent: 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }, 55],
  ])('and does not use %s', async (_, headers, length) => {
    const { answer, lines } = await told('/price', { authorization, ...headers })
    expect(states(lines)).toEqual(RESPONDED)
    expect(answer.traceId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(lines[0]).toMatchObject({ trace_id: answer.traceId, rejected_id: true, rejected_length: length })
    expect(JSON.stringify(lines)).not.toContain('no good')
  })

  test.skipIf(missing)('and says so when a call of its own fails', async () => {
    const { answer, lines } = await told('/broken', { authorization, 'x-trace-id': 'broken-1' })
    expect([answer.status, states(lines)]).toEqual([502, [...RESPONDED.slice(0, 3), '3 RESPOND Responded error']])
    expect(lines.at(-1)).toMatchObject({
      level: 50,
      status: 502,
      error: { type: expect.any(String) as unknown, message: expect.stringContaining('500') as unknown },
    })
  })

  test.skipIf(missing)('and knows a client that has left', async () => {
    const sent = call(`${url}/slow`, { headers: { authorization, 'x-trace-id': 'left-1' }, agent: false }).once(
      'error',
      () => undefined,
    )
    sent.end()
    await asked.promise
    sent.socket?.resetAndDestroy()
    // A whole request later it has had every occasion to see that.
    await told('/price', { authorization })
    const from = theirs.length
    released.resolve()
    expect(await ended(from)).toEqual([
      expect.objectContaining({ trace_id: 'left-1', state: 'Responded', outcome: 'aborted' }),
    ])
  })

  test.skipIf(missing)('between two services that are tracked: one story, in causal order', async () => {
    const request = gateway.start(undefined, { method: 'GET', path: '/orders/7' })
    const trace = request.traceId
    request.authenticated()
    request.processing()
    const { answer } = await told('/price', { ...request.headers(), authorization })
    request.responded()
    expect(answer).toEqual({ status: 200, traceId: trace })
    const file = folderOf({ 'ours.log': `${ours.join('\n')}\n`, 'theirs.log': `${theirs.join('\n')}\n` })
    const { out } = await called('story', trace, file('*.log'), '--format', 'json')
    // What the command prints as JSON.
    const { requests } = JSON.parse(out) as StoryReport
    expect(requests.map(({ service: by, state, outcome, gaps }) => [by, state, outcome, gaps])).toEqual([
      ['gateway', 'Responded', 'ok', []],
      ['pricing', 'Responded', 'ok', []],
      ['catalog', 'Responded', 'ok', []],
    ])
    expect(requests.map(({ parent_id }) => parent_id)).toEqual([null, requests[0]?.request_id, requests[1]?.request_id])
  })

  test.skipIf(missing)('and nothing that it wrote is invalid, missing or stuck', async () => {
    expect(theirs.length).toBeGreaterThan(30)
    for (const line of theirs) expect(schemaErrors(JSON.parse(line)), line).toBeUndefined()
    const file = folderOf({ 'ours.log': `${ours.join('\n')}\n`, 'theirs.log': `${theirs.join('\n')}\n` })
    const { status, out } = await called('audit', file('*.log'), '--format', 'json', '--now', '9999999999999')
    // What the command prints as JSON.
    const { checked, stuck, invalid, gaps } = JSON.parse(out) as AuditReport
    expect([status, stuck, invalid, gaps, checked.damaged_lines, checked.other_lines]).toEqual([0, [], [], [], 0, 0])
  })
})
