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
import { FIELD_NAMES } from '../../src/record/record.ts'
import type { StoryReport } from '../../src/story/report.ts'
import { w3cTraceId } from '../../src/trace/trace-id.ts'
import { folderOf, runCommand } from '../cli/_run-command.ts'
import { deferred } from '../deferred.ts'
import { schemaErrors } from '../lifecycle-schema.ts'
import { keysOf, linesStream } from '../lines.ts'
import { NOT_IN_EXAMPLES } from '../record/field-places.ts'
import { root } from '../sources.ts'

const folder = join(root, 'examples/other-languages')

/** The same service in each language; `build` returns the command that starts it. */
const LANGUAGES = [
  { name: 'Go', tool: 'go', version: ['version'], build: buildGo },
  {
    name: 'Python',
    tool: 'python3',
    version: ['--version'],
    build: () => ['python3', join(folder, 'python/service.py')],
  },
].map((language) => ({ ...language, missing: isMissing(language.tool, language.version) }))

function buildGo(outDir: string): string[] {
  const binary = join(outDir, 'service')
  execFileSync('go', ['build', '-o', binary, join(folder, 'go/main.go'), join(folder, 'go/lifecycle.go')])
  return [binary]
}

/** If a tool is missing, its tests are skipped with a line on stderr; with REQUIRE_SERVICES=1 they run and fail. */
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

interface ServiceResponse {
  readonly status: number
  readonly traceId: string | undefined
}

describe.each(LANGUAGES)('a service in $name', ({ missing, build }) => {
  const outDir = mkdtempSync(join(tmpdir(), 'language-'))
  const { stream, lines: ours } = linesStream()
  const logger = pino({ base: null }, stream)
  const catalog = createTracker({ service: 'catalog', logger })
  const gateway = createTracker({ service: 'gateway', logger })
  const [received, released] = [deferred(), deferred()]
  const theirs: string[] = []
  let onLine: () => void = () => undefined
  let server: Server
  let service: ChildProcess | undefined
  let url = ''

  beforeAll(async () => {
    if (missing) return
    // It calls the catalog, which is tracked by the library, and which fails or waits by path.
    server = createServer(
      catalog.trackRequest(async (req, res) => {
        if (req.url === '/slow') {
          received.resolve()
          await released.promise
        }
        res.statusCode = req.url?.startsWith('/broken') === true ? 500 : 200
        res.end('9.50\n')
      }),
    )
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const [command = '', ...args] = build(outDir)
    // A server that listens on TCP has an address with a port.
    const NEXT_URL = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
    const started = spawn(command, args, {
      env: { ...process.env, NEXT_URL, PORT: '0', PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    service = started
    createInterface(started.stdout).on('line', (line) => {
      theirs.push(line)
      onLine()
    })
    const ready = once(createInterface(started.stderr), 'line') as Promise<[string]>
    // Rejects if there is no such program. If the program fails to start, the first line on stderr says why.
    await once(started, 'spawn')
    const [line] = await ready
    url = `http://127.0.0.1:${/^listening on (\d+)$/.exec(line)?.[1] ?? line}`
  }, 180_000)

  afterAll(() => {
    service?.kill()
    if (!missing) server.close()
    rmSync(outDir, { recursive: true })
    catalog.close()
    gateway.close()
  })

  /** The response to a call, and the lines of its request once it has ended. */
  async function request(
    path: string,
    headers: Readonly<Record<string, string | string[]>>,
  ): Promise<{ response: ServiceResponse; lines: Line[] }> {
    const from = theirs.length
    const response = await new Promise<ServiceResponse>((resolve, reject) => {
      const sent = call(`${url}${path}`, { headers, agent: false }, (res) => {
        const id = res.headers['x-trace-id']
        res
          .resume()
          .once('end', () => resolve({ status: res.statusCode ?? 0, traceId: typeof id === 'string' ? id : undefined }))
      })
      sent.once('error', reject).end()
    })
    return { response, lines: await ended(from) }
  }

  /** The lines from an index on, once one of them has an outcome. */
  async function ended(from: number): Promise<Line[]> {
    // The shape of a line, which the schema checks.
    const lines = (): Line[] => theirs.slice(from).map((line) => JSON.parse(line) as Line)
    while (!lines().some(({ outcome }) => outcome !== undefined))
      await new Promise<void>((resolve) => (onLine = resolve))
    return lines()
  }

  const states = (lines: readonly Line[]): string[] =>
    lines.map(({ seq, event, state, outcome }) =>
      [seq, event, state, outcome].filter((part) => typeof part === 'string' || typeof part === 'number').join(' '),
    )
  const authorization = 'Bearer sesame'
  const RESPONDED = ['0 Received', '1 AUTH_OK Authenticated', '2 PROCESS Processing', '3 RESPOND Responded ok']

  test.skipIf(missing)('uses the trace id that it receives', async () => {
    for (const id of ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', 'abc-123', 'x'.repeat(128)]) {
      const { response, lines } = await request('/price?token=hush', { authorization, 'x-trace-id': id })
      expect([response, states(lines)]).toEqual([{ status: 200, traceId: id }, RESPONDED])
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

  test.skipIf(missing)('denies a caller without authorization', async () => {
    const { response, lines } = await request('/price', { 'x-trace-id': 'abc-123' })
    expect([response, states(lines)]).toEqual([
      { status: 401, traceId: 'abc-123' },
      ['0 Received', '1 AUTH_ERROR Failed denied'],
    ])
    expect(lines.at(-1)).toMatchObject({ status: 401 })
  })

  test.skipIf(missing)('uses a traceparent if there is no X-Trace-ID', async () => {
    const { response, lines } = await request('/price', {
      authorization,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      tracestate: 'a=1',
    })
    expect([response.traceId, states(lines)]).toEqual(['4bf92f35-77b3-4da6-a3ce-929d0e0e4736', RESPONDED])
    expect(lines[0]).toMatchObject({ parent_id: '00f067aa0ba902b7' })
    expect(lines[0]).not.toHaveProperty('rejected_id')
  })

  test.skipIf(missing)('names a parent only if it is in the same trace', async () => {
    const parent = (traceId: string): string => `00-${w3cTraceId(traceId)}-00f067aa0ba902b7-01`
    expect(
      (await request('/price', { authorization, 'x-trace-id': 'abc-123', traceparent: parent('abc-123') })).lines[0],
    ).toMatchObject({ trace_id: 'abc-123', parent_id: '00f067aa0ba902b7' })
    expect(
      (await request('/price', { authorization, 'x-trace-id': 'abc-123', traceparent: parent('abc-124') })).lines[0],
    ).not.toHaveProperty('parent_id')
  })

  test.skipIf(missing).each<readonly [string, Readonly<Record<string, string | string[]>>, number]>([
    ['an id with a space', { 'x-trace-id': 'no good' }, 7],
    ['an id that is too long', { 'x-trace-id': 'x'.repeat(129) }, 129],
    ['two ids', { 'x-trace-id': ['abc', 'def'] }, 6],
    ['a traceparent of zeros', { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` }, 55],
    ['a traceparent with a suffix', { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x' }, 57],
    ['a traceparent of version ff', { traceparent: 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }, 55],
  ])('does not use %s', async (_, headers, length) => {
    const { response, lines } = await request('/price', { authorization, ...headers })
    expect(states(lines)).toEqual(RESPONDED)
    expect(response.traceId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(lines[0]).toMatchObject({ trace_id: response.traceId, rejected_id: true, rejected_length: length })
    expect(JSON.stringify(lines)).not.toContain('no good')
  })

  test.skipIf(missing)('logs the error if its own call fails', async () => {
    const { response, lines } = await request('/broken', { authorization, 'x-trace-id': 'broken-1' })
    expect([response.status, states(lines)]).toEqual([502, [...RESPONDED.slice(0, 3), '3 RESPOND Responded error']])
    expect(lines.at(-1)).toMatchObject({
      level: 50,
      status: 502,
      error: { type: expect.any(String) as unknown, message: expect.stringContaining('500') as unknown },
    })
  })

  test.skipIf(missing)('logs that a client has left', async () => {
    const sent = call(`${url}/slow`, { headers: { authorization, 'x-trace-id': 'left-1' }, agent: false }).once(
      'error',
      () => undefined,
    )
    sent.end()
    await received.promise
    sent.socket?.resetAndDestroy()
    // After another whole request, the service has had time to notice.
    await request('/price', { authorization })
    const from = theirs.length
    released.resolve()
    expect(await ended(from)).toEqual([
      expect.objectContaining({ trace_id: 'left-1', state: 'Responded', outcome: 'aborted' }),
    ])
  })

  test.skipIf(missing)('is in one story with two services that use the library, in causal order', async () => {
    const parent = gateway.start(undefined, { method: 'GET', path: '/orders/7' })
    const trace = parent.traceId
    parent.authenticated()
    parent.processing()
    const { response } = await request('/price', { ...parent.headers(), authorization })
    parent.responded()
    expect(response).toEqual({ status: 200, traceId: trace })
    const file = folderOf({ 'ours.log': `${ours.join('\n')}\n`, 'theirs.log': `${theirs.join('\n')}\n` })
    const { out } = await runCommand('story', trace, file('*.log'), '--format', 'json')
    // What the command prints as JSON.
    const { requests } = JSON.parse(out) as StoryReport
    expect(requests.map(({ service: by, state, outcome, gaps }) => [by, state, outcome, gaps])).toEqual([
      ['gateway', 'Responded', 'ok', []],
      ['pricing', 'Responded', 'ok', []],
      ['catalog', 'Responded', 'ok', []],
    ])
    expect(requests.map(({ parent_id }) => parent_id)).toEqual([null, requests[0]?.request_id, requests[1]?.request_id])
  })

  test.skipIf(missing)('writes valid lines with every field but a few, and the audit finds nothing', async () => {
    expect(theirs.length).toBeGreaterThan(30)
    for (const line of theirs) expect(schemaErrors(JSON.parse(line)), line).toBeUndefined()
    const expected = FIELD_NAMES.filter((name) => !NOT_IN_EXAMPLES.includes(name))
    expect([...new Set(theirs.flatMap(keysOf))].sort()).toEqual(expected.sort())
    const file = folderOf({ 'ours.log': `${ours.join('\n')}\n`, 'theirs.log': `${theirs.join('\n')}\n` })
    const { status, out } = await runCommand('audit', file('*.log'), '--format', 'json', '--now', '9999999999999')
    // What the command prints as JSON.
    const { checked, stuck, invalid, gaps } = JSON.parse(out) as AuditReport
    expect([status, stuck, invalid, gaps, checked.damaged_lines, checked.other_lines]).toEqual([0, [], [], [], 0, 0])
  })
})
