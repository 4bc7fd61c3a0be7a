import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { BUDGET } from './_budget.ts'
import { judged } from './_audit-result.ts'
import { fileNamed, start, type Program } from './_program.ts'
import { conversation } from './_socket.ts'
import { NAMES, share, tell } from './_server-stats.ts'
import type { Destination } from './programs/tracker-for.ts'

const WAYS = ['block', 'abort', 'memory', 'kill', 'exit', 'uncaught'] as const
const DEEDS: Readonly<Record<(typeof WAYS)[number], string>> = {
  block: 'a handler that blocks the event loop for ever',
  abort: 'a handler that calls `process.abort()`',
  memory: 'a handler that runs out of memory',
  kill: 'a handler that sends SIGKILL to its own process',
  exit: 'a handler that calls `process.exit()`',
  uncaught: 'a handler with an exception that nobody catches',
}

/** How the process ends: by itself, by a signal, or not. V8 aborts where it has no more memory. */
const ENDS: Readonly<Record<string, number | string | null>> = {
  block: null,
  abort: 'SIGABRT',
  memory: 'SIGABRT',
  kill: 'SIGKILL',
  exit: 3,
  uncaught: 1,
}

/** Where it does so, if not at once in a handler of node:http. */
const PLACES: Readonly<Record<string, string>> = {
  'abort/later': ', in a later turn',
  'job/abort': ', in a job',
  'page/abort': ', in a fetch-style handler',
}

/** What a table says of a fault after which every deadly request was named. */
const NOTHING = 'nothing: all were named, and no other'

/** Small, so that it is soon used up. */
const HEAP = '--max-old-space-size=32'

async function started(to: Destination): Promise<{ server: Program; log: string }> {
  const log = fileNamed('server.ndjson')
  return { server: await start('mortal-server', { args: [to], node: [HEAP], stdout: log }), log }
}

/** Has several requests served and one held, and then sends the deadly one; its handler is about to do it when this resolves. */
async function sendDeadly({ url, marked, ended, child }: Program, path: string): Promise<void> {
  for (let n = 0; n < 4; n += 1)
    expect(await ask(`${url}/ok`, { headers: { 'x-trace-id': `served-${String(n)}` } })).toMatchObject({ status: 200 })
  const held = ask(`${url}/held`, { headers: { 'x-trace-id': 'held' } })
  await marked.until('begin', 'held')
  const deadly = ask(`${url}/${path}`, { headers: { 'x-trace-id': 'deadly' } })
  // Both break off with the process.
  for (const broken of [held, deadly]) broken.catch(() => undefined)
  await marked.until('dying', 'deadly')
  // A blocked process goes on: what it has written by now is all that anybody will see of it.
  if (!path.includes('block')) await ended
  expect(child.signalCode ?? child.exitCode).toEqual(ENDS[path.split('/').find((part) => part in ENDS) ?? ''])
}

/** Has one server die, and reads what it left. */
async function die(to: Destination, way: (typeof WAYS)[number], path: string): Promise<void> {
  const { server, log } = await started(to)
  await sendDeadly(server, path)
  const { stuck, report, records } = await judged(log)
  expect(stuck, NAMES[to]).toEqual(['deadly', 'held'])
  expect(report, NAMES[to]).toMatchObject({
    invalid: [],
    gaps: [],
    checked: { requests: 6, damaged_lines: 0, other_lines: 0 },
  })
  // Its handler says that the work begins, and then dies: what is gathered for the turn goes with it, unless the process is told.
  const state = report.stuck.find(({ trace_id }) => trace_id === 'deadly')?.state
  if (to !== 'default' || way === 'exit' || way === 'uncaught') expect(state, NAMES[to]).toBe('Processing')
  const left = records.filter((record) => record.lifecycle === 'note' && record.event === 'SHUTDOWN')
  expect(new Set(left.map(({ trace_id }) => trace_id)), NAMES[to]).toEqual(
    new Set(way === 'exit' || way === 'uncaught' ? ['deadly', 'held'] : []),
  )
  server.child.kill('SIGKILL')
  await server.ended
}

describe('a request that takes its process with it is named by the audit, and what was answered before is not', () => {
  test.for([
    ...WAYS.map((way) => [way, way, ['default', 'own-sync']] as const),
    ['kill', 'kill', ['line']] as const,
    ['abort', 'abort/later', ['default']] as const,
    ['abort', 'job/abort', ['default']] as const,
    ['abort', 'page/abort', ['default']] as const,
  ])('%s, by /%s: %s', async ([way, path, destinations], context) => {
    for (const to of destinations) for (let n = 0; n < BUDGET.deaths; n += 1) await die(to, way, path)
    const where = PLACES[path] ?? ''
    const tried = destinations.map((to) => `${String(BUDGET.deaths)} ${NAMES[to]}`).join(', ')
    tell(context, { fault: `${DEEDS[way]}${where}`, tried, lost: NOTHING })
  })

  test("with durability 'turn' it may be unknown, and nobody else is accused", async (context) => {
    let unknown = 0
    for (let n = 0; n < BUDGET.deaths; n += 1) {
      const { server, log } = await started('turn')
      await sendDeadly(server, 'kill')
      const { stuck, report, known } = await judged(log)
      expect(stuck).toEqual(known.has('deadly') ? ['deadly', 'held'] : ['held'])
      expect(report).toMatchObject({ invalid: [], gaps: [] })
      if (!known.has('deadly')) unknown += 1
    }
    tell(context, {
      fault: `${DEEDS.kill}, ${NAMES.turn}`,
      tried: String(BUDGET.deaths),
      lost: `all trace of ${share(unknown, BUDGET.deaths)} deadly requests; nobody else was named`,
    })
  })
})

test.for(['default', 'line'] as const)(
  '%s: what was answered in the very turn of the death may be named, since Node had not yet told of its end',
  async (to, context) => {
    let accused = 0
    for (let n = 0; n < BUDGET.deaths; n += 1) {
      const { server, log } = await started(to)
      // Two requests in one packet: the handler of the second runs in the turn in which the first was answered.
      const bytes = ['ok', 'kill']
        .map(
          (path, index) =>
            `GET /${path} HTTP/1.1\r\nHost: a\r\nX-Trace-ID: ${index === 0 ? 'answered' : 'deadly'}\r\n\r\n`,
        )
        .join('')
      expect(await conversation(server.url, bytes)).toContain('served')
      await server.ended
      const { stuck, report } = await judged(log)
      expect(stuck).toContain('deadly')
      expect(stuck.filter((id) => id !== 'deadly' && id !== 'answered')).toEqual([])
      expect(report).toMatchObject({ invalid: [], gaps: [] })
      if (stuck.includes('answered')) accused += 1
    }
    tell(context, {
      fault: `a process that dies in the turn in which it answered, ${NAMES[to]}`,
      tried: String(BUDGET.deaths),
      lost: `the end of ${share(accused, BUDGET.deaths)} answered requests`,
    })
  },
)

test('a call of gRPC that takes its process with it is named like any other request', async (context) => {
  for (let n = 0; n < BUDGET.deaths; n += 1) {
    const log = fileNamed('rpc.ndjson')
    const server = await start('mortal-rpc', { args: ['default'], stdout: log })
    server.child.send(new URL(server.url).port)
    expect(await server.ended).toEqual([null, 'SIGABRT'])
    const { stuck, report } = await judged(log)
    expect(stuck).toEqual(['deadly'])
    expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests: 3, damaged_lines: 0 } })
  }
  tell(context, { fault: `${DEEDS.abort}, in a call of gRPC`, tried: String(BUDGET.deaths), lost: NOTHING })
})

test('the command says so too', async () => {
  const { server, log } = await started('default')
  await sendDeadly(server, 'abort')
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const audit = spawn(process.execPath, [
    '--import',
    'tsx',
    main,
    'audit',
    '--format',
    'ndjson',
    '--stuck-after',
    '0ms',
    '--now',
    String(Date.now() + 1_000),
    log,
  ])
  const status = once(audit, 'close').then(() => audit.exitCode)
  const found = await text(audit.stdout)
  const ids = found
    .trim()
    .split('\n')
    .map((line): unknown => (JSON.parse(line) as { trace_id: unknown }).trace_id)
  expect([await status, ids.sort()]).toEqual([1, ['deadly', 'held']])
})
