import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { run } from '../../src/cli/program.ts'
import { lokiStandIn } from '../logs/loki/_loki.ts'
import { BEGUN, ndjson, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { folderOf, runCommand } from './_run-command.ts'

const OTHER = { request_id: 'b7ad6b7169203332' }
const STUCK = ndjson(transitions(QUEUED))
const DONE = ndjson(transitions(SYNC, OTHER))
const INVALID = ndjson([transition({ ...OTHER, state: 'Queued' })])

async function report(...args: readonly string[]): Promise<AuditReport> {
  const { out, err } = await runCommand('audit', '--format', 'json', ...args)
  expect(err).toBe('')
  // The documented form of the command's output.
  return JSON.parse(out) as AuditReport
}

describe('the status', () => {
  test.each<[what: string, log: string, now: number, status: number]>([
    ['0 if there is no problem', DONE, BEGUN + 1e9, 0],
    ['0 if no request is stuck yet', STUCK, BEGUN + 3_000, 0],
    ['1 if a request is stuck', STUCK, BEGUN + 1e9, 1],
    ['1 if a path is invalid', INVALID, BEGUN, 1],
  ])('is %s, in every format', async (_, log, now, status) => {
    const file = folderOf({ 'a.log': log })
    for (const format of ['table', 'json', 'ndjson']) {
      expect(await runCommand('audit', file('a.log'), '--now', String(now), '--format', format)).toMatchObject({
        status,
        err: '',
      })
    }
  })

  test('is 0 for logs without a throughline line, which stderr reports', async () => {
    const file = folderOf({ 'a.log': 'hello\n\n{"msg":"hi"}\n', 'empty.log': '' })
    expect(await runCommand('audit', file('a.log'))).toMatchObject({
      status: 0,
      err: 'throughline: none of the 2 lines was written by throughline\n',
    })
    expect(await runCommand('audit', file('empty.log'))).toMatchObject({
      status: 0,
      err: expect.stringContaining('none of the 0 lines') as string,
    })
  })
})

describe('--now', () => {
  test.each([
    ['end', BEGUN + 3_000],
    [String(BEGUN + 5), BEGUN + 5],
    ['2026-09-21T14:13:20Z', Date.UTC(2026, 8, 21, 14, 13, 20)],
    ['2026-09-21', Date.UTC(2026, 8, 21)],
  ])('%s', async (now, expected) => {
    const file = folderOf({ 'a.log': STUCK })
    expect(await report(file('a.log'), '--now', now)).toMatchObject({ now: expected })
  })

  test('is the current time by default', async () => {
    const file = folderOf({ 'a.log': STUCK })
    const before = Date.now()
    const { now } = await report(file('a.log'))
    expect(now).toBeGreaterThanOrEqual(before)
    expect(now).toBeLessThanOrEqual(Date.now())
  })
})

describe('--stuck-after', () => {
  test.each<[given: string[], stuck: number]>([
    [[], 0],
    [['--stuck-after', '1s'], 1],
    [['--stuck-after', '1s', '--stuck-after', 'Queued=15m'], 0],
    [['--stuck-after=Queued=999ms', '--stuck-after', '1d'], 1],
  ])('%j', async (given, stuck) => {
    const file = folderOf({ 'a.log': STUCK })
    const found = await report(file('a.log'), '--now', String(BEGUN + 4_001), ...given)
    expect(found.stuck).toHaveLength(stuck)
  })
})

describe('--stuck-after auto', () => {
  const requestId = (index: number): string => `b7ad6b71692${10_000 + index}`
  /** 40 requests that spend a second in each state, and a last one that stays in the first. */
  const busy = [
    ...Array.from({ length: 40 }, (_, index) => transitions(SYNC, { request_id: requestId(index) })).flat(),
    transition({ request_id: requestId(40) }),
  ]

  test('learns three times the p99 of the stays, and reports the threshold and its source', async () => {
    const file = folderOf({ 'a.log': ndjson(busy) })
    const args = [file('a.log'), '--stuck-after', 'auto', '--stuck-after', 'Processing=1d']
    expect((await report(...args, '--now', String(BEGUN + 3_000))).stuck).toEqual([])
    const found = await report(...args, '--now', String(BEGUN + 3_001))
    expect(found.stuck).toMatchObject([{ request_id: requestId(40), state: 'Received', stuck_after_ms: 3_000 }])
    expect(found.states).toMatchObject({
      Received: { services: { gateway: { entered: 41, open: 1, stuck_after_ms: 3_000, from: 'learned' } } },
      Processing: { services: { gateway: { stuck_after_ms: 86_400_000, from: 'given' } } },
    })
  })

  test('uses the threshold of the machine if there are too few stays', async () => {
    const file = folderOf({ 'a.log': STUCK })
    expect((await report(file('a.log'), '--stuck-after', 'auto', '--now', 'end')).states).toMatchObject({
      Received: { services: { gateway: { stuck_after_ms: 10_000, from: 'machine' } } },
    })
  })

  test('prints the thresholds in the table', async () => {
    const file = folderOf({ 'a.log': ndjson(busy) })
    const table = async (...flags: string[]): Promise<string> =>
      (await runCommand('audit', file('a.log'), '--now', 'end', ...flags)).out
    expect(await table('--stuck-after', 'auto')).toMatch(
      /\nservices\n[^]* Received +gateway +41 +1 +1s +1s +1s +1s +3s +learned\n[^]*Responded +gateway +40 +0\n/,
    )
    expect(await table('--stuck-after', '2m')).toMatch(/ Processing +gateway .* 2m +given\n/)
    expect(await table()).not.toContain('services')
  })
})

describe('attempts, undelivered requests and paths', () => {
  const id = (index: number): string => `b7ad6b71692033${10 + index}`
  /** The lines of a delivery that fails or completes. */
  const delivery = (index: number, attempt: number, done: boolean): object[] => {
    const common = { request_id: id(index), service: 'worker', attempt, time: BEGUN + 4_000 + attempt }
    const attemptNote = note('ATTEMPT', { ...common, state: 'Queued' })
    return [
      attemptNote,
      done
        ? transition({
            ...common,
            seq: 4,
            event: 'COMPLETE',
            from: 'Queued',
            state: 'Completed',
            dwell_ms: 5,
            outcome: 'ok',
          })
        : note('RETRY', { ...common, state: 'Queued' }),
    ]
  }
  const handedOff = (index: number): object[] => transitions(QUEUED, { request_id: id(index) })
  const log = [
    ...[0, 1].flatMap((index) => [...handedOff(index), ...delivery(index, 1, true)]),
    ...[2, 3].flatMap((index) => [...handedOff(index), ...delivery(index, 1, false), ...delivery(index, 2, true)]),
    ...[...handedOff(4), ...delivery(4, 1, false), ...delivery(4, 2, false), ...delivery(4, 3, true)],
    ...handedOff(5),
    ...transitions(SYNC, { request_id: id(6) }),
  ]
  const late = String(BEGUN + 10_000)

  test('are in the report', async () => {
    const file = folderOf({ 'a.log': ndjson(log) })
    const { attempts, undelivered, paths, steps, stuck, invalid } = await report(file('a.log'), '--now', late)
    expect([stuck, invalid]).toEqual([[], []])
    expect(attempts).toEqual({ 1: 2, 2: 2, 3: 1 })
    expect(undelivered).toEqual([
      { trace_id: TRACE, request_id: id(5), service: 'gateway', since: BEGUN + 3_000, age_ms: 7_000 },
    ])
    expect(paths).toEqual([
      { path: 'Received > Authenticated > Processing > Queued > Completed', requests: 5 },
      { path: 'Received > Authenticated > Processing > Queued', requests: 1 },
      { path: 'Received > Authenticated > Processing > Responded', requests: 1 },
    ])
    expect(steps).toEqual([
      { from: 'Received', event: 'AUTH_OK', state: 'Authenticated', count: 7 },
      { from: 'Received', event: 'AUTH_ERROR', state: 'Failed', count: 0 },
      { from: 'Authenticated', event: 'PROCESS', state: 'Processing', count: 7 },
      { from: 'Processing', event: 'ENQUEUE', state: 'Queued', count: 6 },
      { from: 'Processing', event: 'RESPOND', state: 'Responded', count: 1 },
      { from: 'Queued', event: 'COMPLETE', state: 'Completed', count: 5 },
    ])
  })

  test('are in the table', async () => {
    const file = folderOf({ 'a.log': ndjson(log) })
    const { out } = await runCommand('audit', file('a.log'), '--now', late)
    expect(out.split('\n')[2]).toBe('2 requests took 2 attempts, 1 took 3')
    expect(out).toMatch(
      new RegExp(`\nundelivered: handed off, and no worker line since\n.*\n +7s +\\S+ +gateway +${TRACE} +${id(5)}\n`),
    )
    expect(out).toMatch(/\n {2}Completed +worker +5 +0\n/)
    expect(out).toMatch(/\npaths\n.*\n {2}5 +Received > Authenticated > Processing > Queued > Completed\n/)
  })

  test('are left out of the table if there are none', async () => {
    const file = folderOf({ 'a.log': DONE, 'others.log': 'other\n' })
    expect((await runCommand('audit', file('a.log'), '--now', late)).out).not.toMatch(/attempts|undelivered|services/)
    expect((await runCommand('audit', file('others.log'), '--now', late)).out).not.toMatch(/paths/)
  })

  test('are limited to the first ones in the table', async () => {
    const many = Array.from({ length: 32 }, (_, index) =>
      transitions(QUEUED, { request_id: id(index), service: `s${index}` }, index),
    )
    const paths = Array.from({ length: 12 }, (_, index) =>
      transition({ request_id: `b7ad6b71692${10_000 + index}`, state: `State${index}`.repeat(30) }),
    )
    const file = folderOf({ 'a.log': ndjson([...many.flat(), ...paths]) })
    const { out } = await runCommand('audit', file('a.log'), '--now', late)
    expect(out.match(/ {2}and \d+ more: see --format json/g)).toEqual([
      '  and 12 more: see --format json',
      '  and 3 more: see --format json',
    ])
    expect(out).toMatch(/\n {2}1 +(?:State\d+)+\w* \.\.\.\n/)
  })
})

describe('--loki', () => {
  test('gives the same report as a file with the same lines', async () => {
    const lines = (STUCK + DONE).trim().split('\n')
    const { url, queries } = await lokiStandIn(
      lines.map((line, index) => ({ labels: { app: 'api' }, time: BigInt(BEGUN + index) * 1_000_000n, line })),
    )
    const file = folderOf({ 'a.log': STUCK + DONE })
    const until = String(BEGUN + 1e9)
    const found = await report('--loki', url, '--query', '{app="api"}', '--since', String(BEGUN), '--until', until)
    expect(found).toEqual(await report(file('a.log'), '--now', until))
    expect(found.stuck).toHaveLength(1)
    expect(queries.map((query) => query.get('query'))).toEqual(['{app="api"} |= "lifecycle"'])
  })

  test('reports on stderr why it waits', async () => {
    const { url } = await lokiStandIn([], { faults: ['reset'] })
    const { status, err } = await runCommand('audit', '--loki', url, '--query', '{app="api"}')
    expect(status).toBe(0)
    expect(err).toMatch(/^throughline: Loki: .+; trying again in \S+\n/)
  })
})

describe('a corrupted compressed log', () => {
  const torn = Buffer.concat([gzipSync(DONE), Buffer.from('no gzip')])

  test('is reported once, and counts as one damaged line', async () => {
    const file = folderOf({ 'torn.gz': torn, 'a.log': STUCK })
    const { status, out, err } = await runCommand('audit', file('torn.gz'), file('a.log'), '--format', 'json')
    expect(err).toMatch(
      /^throughline: [^\n]*torn\.gz is corrupted \([^\n]*\): it was read up to there; fetch it again\n$/,
    )
    expect(status).toBe(1)
    expect((JSON.parse(out) as AuditReport).checked).toMatchObject({ lines: 9, damaged_lines: 1, requests: 2 })
  })

  test('is reported by diagram --logs', async () => {
    const file = folderOf({ 'torn.gz': torn })
    const { out, err } = await runCommand('diagram', '--logs', file('torn.gz'))
    expect(out).toMatch(/^stateDiagram-v2\n/)
    expect(err).toMatch(/^throughline: [^\n]*torn\.gz is corrupted [^\n]*\n$/)
  })
})

describe('--follow', () => {
  test('uses the given thresholds, ends when its output is closed, and removes its signal handlers', async () => {
    const longAgo = { time: 1_000 }
    const file = folderOf({
      'a.log': ndjson([transition(longAgo), transition({ ...OTHER, ...longAgo, state: 'Queued' })]),
    })
    const out: string[] = []
    const io = {
      out: (text: string) => void out.push(text),
      err: () => undefined,
      width: 100,
      colour: false,
      watched: false,
      get gone() {
        return out.length === 2
      },
    }
    const listeners = process.listenerCount('SIGTERM')
    const status = await run(
      [
        'audit',
        file('a.log'),
        '--follow',
        '--format',
        'ndjson',
        '--stuck-after',
        '30s',
        '--stuck-after',
        'Queued=999999d',
      ],
      '1.2.3',
      io,
    )
    expect([status, process.listenerCount('SIGTERM')]).toEqual([1, listeners])
    expect(out.map((text): unknown => JSON.parse(text))).toMatchObject([
      { finding: 'invalid', request_id: OTHER.request_id },
      { finding: 'stuck', request_id: REQUEST, state: 'Received', stuck_after_ms: 30_000 },
    ])
  })
})

describe('files', () => {
  const now = String(BEGUN + 1e9)

  test('of any kind are read once, even if they are named twice', async () => {
    const file = folderOf({ 'a.log': STUCK, 'b.log.gz': gzipSync(DONE), 'c.txt': 'other\n' })
    const whole = await report(file('a.log'), file('b.log.gz'), '--now', now)
    expect(whole).toMatchObject({
      checked: { lines: 8, requests: 2 },
      stuck: [{ trace_id: TRACE, request_id: REQUEST }],
    })
    expect(await report(file('*.log*'), '--now', now)).toEqual(whole)
    expect(await report(file('a.log'), file('*.gz'), file('a.log'), '--now', now)).toEqual(whole)
    expect(await report(file('c.txt'), file('*.log*'), '--now', now)).toMatchObject({
      checked: { lines: 9, other_lines: 1 },
    })
  })

  test('are named in the report with the number of an invalid line', async () => {
    const file = folderOf({ 'a.log': `\nhello\n${INVALID}` })
    expect((await report(file('a.log'), '--now', now)).invalid).toMatchObject([{ file: file('a.log'), line: 3 }])
  })
})

describe('--format', () => {
  const now = String(BEGUN + 1e9)

  test('ndjson prints one finding per line, and nothing without findings', async () => {
    const file = folderOf({
      'a.log': STUCK + INVALID,
      'done.log': DONE,
      'late.log': ndjson(transitions(SYNC).slice(2)),
    })
    const { out } = await runCommand('audit', file('a.log'), '--now', now, '--format', 'ndjson')
    const kinds = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { finding: string }).finding)
    expect(kinds).toEqual(['stuck', 'stuck', 'invalid', 'undelivered', 'undelivered'])
    expect((await runCommand('audit', file('late.log'), '--format', 'ndjson')).out).toMatch(
      /^\{"finding":"gap",.*"missing_seq":\[0,1\]\}\n$/,
    )
    expect((await runCommand('audit', file('done.log'), '--format', 'ndjson')).out).toBe('')
  })

  test('table starts with the result, and replaces the control characters of a log', async () => {
    const hostile = transition({ ...OTHER, state: 'Queued', service: '\u001b[2Jevil\u009b' })
    const file = folderOf({ 'a.log': STUCK + ndjson([hostile]) + '{"lifecycle":"transition"\nother\n' })
    const { out } = await runCommand('audit', file('a.log'), '--now', now)
    expect(out.split('\n', 2)).toEqual([
      '2 requests stuck, 1 invalid line',
      '2 requests in 1 trace, 5 transitions in 7 lines; 1 other line, 1 damaged line',
    ])
    expect(out).toContain(REQUEST)
    expect(out).toContain('a request begins in Received, not in Queued')
    expect(out).toContain('11d 13h')
    expect(out).not.toMatch(/[^\P{Cc}\n]/u)
  })
})

describe('the tables of times', () => {
  const table = async (...services: readonly (readonly [service: string, implied: boolean])[]): Promise<string> => {
    const requests = services.map(([service, implied], index) =>
      transitions(SYNC, { service, request_id: `b7ad6b716920333${index}` }).map((record) =>
        implied && record.seq === 1 ? { ...record, dwell_ms: 0, implied } : record,
      ),
    )
    const file = folderOf({ 'a.log': ndjson(requests.flat()) })
    return (await runCommand('audit', file('a.log'), '--now', 'end')).out
  }

  test('mark states that most requests left by an implied step', async () => {
    const out = await table(['auth', true], ['auth', true], ['gateway', false])
    expect(out).toMatch(/\nstates\n[^]* Received +3 +0 +0ms +1s +1s +1s +\(mostly implied\)\n/)
    expect(out).toMatch(/\nservices\n[^]* Received +auth +2 +0 +0ms +0ms +0ms +0ms +\(implied\) +10s +machine\n/)
    expect(out).toMatch(/ Received +gateway +1 +0 +1s +1s +1s +1s +10s +machine\n/)
    expect(out).toMatch(/ Authenticated +3 +0 +1s +1s +1s +1s\n/)
  })

  test('mark nothing if no more than half of them did, and have no column for it then', async () => {
    const out = await table(['auth', true], ['gateway', false])
    expect(out).toMatch(/\n  Received +2 +0 +0ms  1s   1s   1s\n/)
    expect(out).toMatch(/\n {2}Received +auth +1 +0 +0ms +0ms +0ms +0ms +\(implied\) +10s +machine\n/)
    expect(await table(['auth', false], ['gateway', false])).toMatch(
      / Received +auth +1 +0 +1s {3}1s {3}1s {3}1s {3}10s/,
    )
  })
})

describe('--calls', () => {
  const caller = 'b7ad6b7169203000'
  const [calling, called] = [
    transitions(SYNC, { request_id: caller }).map((record) => (record.seq === 3 ? { ...record, calls: 3 } : record)),
    transitions(SYNC, { service: 'auth' }).map((record) =>
      record.seq === 0 ? { ...record, parent_id: 'b7ad6b7169203002' } : record,
    ),
  ]
  const log = { 'a.log': ndjson(calling), 'b.log': ndjson(called) }
  const lost = { trace_id: TRACE, request_id: caller, service: 'gateway', of: 3 }

  test('counts the calls that left no line by service, and the status stays 0', async () => {
    const file = folderOf(log)
    const args = [file('a.log'), file('b.log'), '--now', 'end', '--calls']
    expect((await report(...args)).calls).toEqual({
      sent: 3,
      lost: 2,
      undecided: 0,
      services: {
        gateway: {
          sent: 3,
          lost: 2,
          examples: [
            { ...lost, call: 1 },
            { ...lost, call: 3 },
          ],
        },
      },
    })
    const table = await runCommand('audit', ...args)
    expect(table.status).toBe(0)
    expect(table.out).toMatch(/^calls\n {2}service +sent +no line in these logs\n {2}gateway +3 +2$/m)
    expect(table.out).toMatch(new RegExp(`^ {2}1 of 3 +gateway +${TRACE} +${caller}$`, 'm'))
    const lines = (await runCommand('audit', ...args, '--format', 'ndjson')).out.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { finding: 'lost_call', ...lost, call: 1 },
      { finding: 'lost_call', ...lost, call: 3 },
    ])
  })

  test('says so if no line counts its calls, and without the flag nothing is said', async () => {
    const file = folderOf(log)
    expect((await runCommand('audit', file('b.log'), '--now', 'end', '--calls')).out).toContain(
      '\ncalls\nno line in these logs counts its calls\n',
    )
    expect(await report(file('a.log'), '--now', 'end')).not.toHaveProperty('calls')
    expect((await runCommand('audit', file('a.log'), '--now', 'end')).out).not.toContain('calls')
  })
})

describe('--machine', () => {
  const retries = new URL('../../machines/request-with-retries.ts', import.meta.url).pathname
  const source = (declare: string): string =>
    `import { createMachine } from '${import.meta.resolve('xstate')}'
    ${declare} createMachine({
      id: 'mine',
      initial: 'New',
      states: { New: { meta: { stuckAfter: '1s' }, on: { GO: 'Old' } }, Old: { type: 'final' } },
    })
`
  const log = ndjson([transition({ state: 'New' })])

  test.each([
    ['mine.ts', 'export default'],
    ['mine.mts', 'export const machine ='],
    ['mine.js', 'export const whatever ='],
    ['mine.mjs', 'export default'],
  ])('%s, as %s', async (name, declare) => {
    const file = folderOf({ [name]: source(declare), 'package.json': '{"type":"module"}', 'a.log': log })
    const found = await report(file('a.log'), '--now', String(BEGUN + 1_001), '--machine', file(name))
    expect(found).toMatchObject({ stuck: [{ state: 'New', stuck_after_ms: 1_000 }], invalid: [] })
    expect(Object.keys(found.states)).toEqual(['New', 'Old'])
  })

  test('the shipped machine with retries', async () => {
    const failed = [
      ...transitions(['AUTH_OK']),
      transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' }),
    ]
    const file = folderOf({ 'a.log': ndjson(failed) })
    expect(await report(file('a.log'), '--machine', retries)).toMatchObject({ stuck: [], invalid: [] })
    expect(await report(file('a.log'))).toMatchObject({ invalid: [{ event: 'FAIL' }] })
  })
})
