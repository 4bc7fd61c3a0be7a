import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { auditFiles } from './_audit-result.ts'
import { addRow, DESTINATION_NAMES, share } from './_fault-row.ts'
import { startProgram, tempFile, type Program } from './_program.ts'
import { sendRaw } from './_raw-socket.ts'
import { RUNS } from './_run-counts.ts'
import type { Destination } from './programs/_destinations.ts'

const CRASHES = ['block', 'abort', 'memory', 'kill', 'exit', 'uncaught'] as const
type Crash = (typeof CRASHES)[number]

const FAULTS: Readonly<Record<Crash, string>> = {
  block: 'a handler that blocks the event loop forever',
  abort: 'a handler that calls `process.abort()`',
  memory: 'a handler that runs out of memory',
  kill: 'a handler that sends SIGKILL to its own process',
  exit: 'a handler that calls `process.exit()`',
  uncaught: 'a handler that throws an uncaught exception',
}

/** The signal or the exit status of the process. V8 aborts when it runs out of memory. */
const ENDS: Readonly<Record<Crash, number | string | null>> = {
  block: null,
  abort: 'SIGABRT',
  memory: 'SIGABRT',
  kill: 'SIGKILL',
  exit: 3,
  uncaught: 1,
}

/** The crashes after which Node still runs exit handlers. */
const ORDERLY: readonly Crash[] = ['exit', 'uncaught']

/** Where the process crashes, if not in the first turn of a node:http handler. */
const PLACES: Readonly<Record<string, string>> = {
  'abort/later': ', in a later turn',
  'job/abort': ', in a job',
  'fetch/abort': ', in a fetch-style handler',
}

const NOTHING_LOST = 'nothing: exactly the open requests were reported'

/** Small, so that a handler soon runs out of memory. */
const HEAP_LIMIT = '--max-old-space-size=32'

async function startServer(to: Destination): Promise<{ server: Program; log: string }> {
  const log = tempFile('server.ndjson')
  return { server: await startProgram('fault-server', { args: [to], node: [HEAP_LIMIT], stdout: log }), log }
}

/** Sends four requests that are served, one that is held, and one that crashes the server. */
async function crashServer({ url, marks, ended, child }: Program, crash: Crash, path: string = crash): Promise<void> {
  for (let n = 0; n < 4; n += 1)
    expect(await ask(`${url}/ok`, { headers: { 'x-trace-id': `served-${String(n)}` } })).toMatchObject({ status: 200 })
  const held = ask(`${url}/held`, { headers: { 'x-trace-id': 'held' } })
  await marks.until('started', 'held')
  const crashing = ask(`${url}/${path}`, { headers: { 'x-trace-id': 'crashing' } })
  // Both fail when the process dies.
  for (const broken of [held, crashing]) broken.catch(() => undefined)
  await marks.until('crashing', 'crashing')
  // A blocked process lives on, but writes nothing more.
  if (crash !== 'block') await ended
  expect(child.signalCode ?? child.exitCode).toEqual(ENDS[crash])
}

/** Crashes a server and checks its log. */
async function expectNothingLost(to: Destination, crash: Crash, path: string): Promise<void> {
  const { server, log } = await startServer(to)
  await crashServer(server, crash, path)
  const { stuck, report, records } = await auditFiles(log)
  expect(stuck, DESTINATION_NAMES[to]).toEqual(['crashing', 'held'])
  expect(report, DESTINATION_NAMES[to]).toMatchObject({
    invalid: [],
    gaps: [],
    checked: { requests: 6, damaged_lines: 0, other_lines: 0 },
  })
  // The handler reports Processing just before the crash. By default only an orderly end flushes that line.
  const isOrderly = ORDERLY.includes(crash)
  const state = report.stuck.find(({ trace_id }) => trace_id === 'crashing')?.state
  if (to !== 'default' || isOrderly) expect(state, DESTINATION_NAMES[to]).toBe('Processing')
  const shutdowns = records.filter((record) => record.lifecycle === 'note' && record.event === 'SHUTDOWN')
  expect(new Set(shutdowns.map(({ trace_id }) => trace_id)), DESTINATION_NAMES[to]).toEqual(
    new Set(isOrderly ? ['crashing', 'held'] : []),
  )
  server.child.kill('SIGKILL')
  await server.ended
}

describe('the audit reports exactly the open requests of a crashed process', () => {
  test.for([
    ...CRASHES.map((crash) => [crash, crash, ['default', 'pino-sync']] as const),
    ['kill', 'kill', ['line']] as const,
    ['abort', 'abort/later', ['default']] as const,
    ['abort', 'job/abort', ['default']] as const,
    ['abort', 'fetch/abort', ['default']] as const,
  ])('after %s at /%s with %s', async ([crash, path, destinations], context) => {
    for (const to of destinations) {
      for (let n = 0; n < RUNS.crashes; n += 1) await expectNothingLost(to, crash, path)
    }
    const tried = destinations.map((to) => `${String(RUNS.crashes)} ${DESTINATION_NAMES[to]}`).join(', ')
    addRow(context, { fault: `${FAULTS[crash]}${PLACES[path] ?? ''}`, tried, lost: NOTHING_LOST })
  })

  test("with durability 'turn', except that the crashing request may not be logged", async (context) => {
    let unlogged = 0
    for (let n = 0; n < RUNS.crashes; n += 1) {
      const { server, log } = await startServer('turn')
      await crashServer(server, 'kill')
      const { stuck, report, logged } = await auditFiles(log)
      expect(stuck).toEqual(logged.has('crashing') ? ['crashing', 'held'] : ['held'])
      expect(report).toMatchObject({ invalid: [], gaps: [] })
      if (!logged.has('crashing')) unlogged += 1
    }
    addRow(context, {
      fault: `${FAULTS.kill}, ${DESTINATION_NAMES.turn}`,
      tried: String(RUNS.crashes),
      lost: `every line of ${share(unlogged, RUNS.crashes)} crashing requests; no other request was wrongly reported`,
    })
  })
})

test.for(['default', 'line'] as const)(
  '%s: a request answered in the turn of the crash may be reported, since Node has not emitted its end yet',
  async (to, context) => {
    let wronglyStuck = 0
    for (let n = 0; n < RUNS.crashes; n += 1) {
      const { server, log } = await startServer(to)
      // Two requests in one packet: the second handler runs in the turn in which the first request is answered.
      const bytes = [
        ['ok', 'answered'],
        ['kill', 'crashing'],
      ]
        .map(([path, id]) => `GET /${String(path)} HTTP/1.1\r\nHost: a\r\nX-Trace-ID: ${String(id)}\r\n\r\n`)
        .join('')
      expect(await sendRaw(server.url, bytes)).toContain('served')
      await server.ended
      const { stuck, report } = await auditFiles(log)
      expect(stuck).toContain('crashing')
      expect(stuck.filter((id) => id !== 'crashing' && id !== 'answered')).toEqual([])
      expect(report).toMatchObject({ invalid: [], gaps: [] })
      if (stuck.includes('answered')) wronglyStuck += 1
    }
    addRow(context, {
      fault: `a process that dies in the turn in which it responds, ${DESTINATION_NAMES[to]}`,
      tried: String(RUNS.crashes),
      lost: `the end of ${share(wronglyStuck, RUNS.crashes)} answered requests`,
    })
  },
)

test('the audit reports a gRPC call that crashed its process', async (context) => {
  for (let n = 0; n < RUNS.crashes; n += 1) {
    const log = tempFile('grpc.ndjson')
    const server = await startProgram('crashing-grpc-server', { args: ['default'], stdout: log })
    server.child.send(new URL(server.url).port)
    expect(await server.ended).toEqual([null, 'SIGABRT'])
    const { stuck, report } = await auditFiles(log)
    expect(stuck).toEqual(['crashing'])
    expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests: 3, damaged_lines: 0 } })
  }
  addRow(context, { fault: `${FAULTS.abort}, in a gRPC call`, tried: String(RUNS.crashes), lost: NOTHING_LOST })
})

test('`throughline audit` prints the open requests of a crashed process', async () => {
  const { server, log } = await startServer('default')
  await crashServer(server, 'abort')
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const now = String(Date.now() + 1_000)
  const options = ['--format', 'ndjson', '--stuck-after', '0ms', '--now', now]
  const audit = spawn(process.execPath, ['--import', 'tsx', main, 'audit', ...options, log])
  const status = once(audit, 'close').then(() => audit.exitCode)
  const output = await text(audit.stdout)
  const ids = output
    .trim()
    .split('\n')
    .map((line): unknown => (JSON.parse(line) as { trace_id: unknown }).trace_id)
  expect([await status, ids.sort()]).toEqual([1, ['crashing', 'held']])
})
