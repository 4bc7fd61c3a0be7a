import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { BEGUN, ndjson, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../told-log.ts'
import { called, folderOf } from './_called.ts'

const OTHER = { request_id: 'b7ad6b7169203332' }
const STUCK = ndjson(transitions(QUEUED))
const DONE = ndjson(transitions(SYNC, OTHER))
const INVALID = ndjson([transition({ ...OTHER, state: 'Queued' })])

async function report(...args: readonly string[]): Promise<AuditReport> {
  const { out, err } = await called('audit', '--format', 'json', ...args)
  expect(err).toBe('')
  // The command's own documented answer.
  return JSON.parse(out) as AuditReport
}

describe('the status', () => {
  test.each<[what: string, log: string, now: number, status: number]>([
    ['0 where nothing is wrong', DONE, BEGUN + 1e9, 0],
    ['0 where nothing is stuck yet', STUCK, BEGUN + 3_000, 0],
    ['1 where a request is stuck', STUCK, BEGUN + 1e9, 1],
    ['1 where a path is invalid', INVALID, BEGUN, 1],
  ])('is %s, in every format', async (_, log, now, status) => {
    const file = folderOf({ 'a.log': log })
    for (const format of ['table', 'json', 'ndjson']) {
      expect(await called('audit', file('a.log'), '--now', String(now), '--format', format)).toMatchObject({ status, err: '' })
    }
  })

  test('is 0 for logs without a line of ours, and stderr says so', async () => {
    const file = folderOf({ 'a.log': 'hello\n\n{"msg":"hi"}\n', 'empty.log': '' })
    expect(await called('audit', file('a.log'))).toMatchObject({ status: 0, err: "throughline: none of the 2 lines is a lifecycle line of throughline's\n" })
    expect(await called('audit', file('empty.log'))).toMatchObject({ status: 0, err: expect.stringContaining('none of the 0 lines') as string })
  })
})

describe('--now', () => {
  test.each([
    ['end', BEGUN + 3_000],
    [String(BEGUN + 5), BEGUN + 5],
    ['2026-09-21T14:13:20Z', Date.UTC(2026, 8, 21, 14, 13, 20)],
    ['2026-09-21', Date.UTC(2026, 8, 21)],
  ])('%s', async (now, moment) => {
    const file = folderOf({ 'a.log': STUCK })
    expect(await report(file('a.log'), '--now', now)).toMatchObject({ now: moment })
  })

  test('is the present where it is not given', async () => {
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

describe('files', () => {
  const now = String(BEGUN + 1e9)

  test('of any kind, named in any way, count once', async () => {
    const file = folderOf({ 'a.log': STUCK, 'b.log.gz': gzipSync(DONE), 'c.txt': 'other\n' })
    const whole = await report(file('a.log'), file('b.log.gz'), '--now', now)
    expect(whole).toMatchObject({ checked: { lines: 8, requests: 2 }, stuck: [{ trace_id: TRACE, request_id: REQUEST }] })
    expect(await report(file('*.log*'), '--now', now)).toEqual(whole)
    expect(await report(file('a.log'), file('*.gz'), file('a.log'), '--now', now)).toEqual(whole)
    expect(await report(file('c.txt'), file('*.log*'), '--now', now)).toMatchObject({ checked: { lines: 9, other_lines: 1 } })
  })

  test('are named with the line of what is invalid', async () => {
    const file = folderOf({ 'a.log': `\nhello\n${INVALID}` })
    expect((await report(file('a.log'), '--now', now)).invalid).toMatchObject([{ file: file('a.log'), line: 3 }])
  })
})

describe('--format', () => {
  const now = String(BEGUN + 1e9)

  test('ndjson prints one finding a line, and nothing where there is none', async () => {
    const file = folderOf({ 'a.log': STUCK + INVALID, 'done.log': DONE, 'late.log': ndjson(transitions(SYNC).slice(2)) })
    const { out } = await called('audit', file('a.log'), '--now', now, '--format', 'ndjson')
    const kinds = out.trim().split('\n').map((line) => (JSON.parse(line) as { finding: string }).finding)
    expect(kinds).toEqual(['stuck', 'stuck', 'invalid'])
    expect((await called('audit', file('late.log'), '--format', 'ndjson')).out).toMatch(/^\{"finding":"gap",.*"missing_seq":\[0,1\]\}\n$/)
    expect((await called('audit', file('done.log'), '--format', 'ndjson')).out).toBe('')
  })

  test('table tells the verdict first, then what was found, and no text of a log commands the terminal', async () => {
    const hostile = transition({ ...OTHER, state: 'Queued', service: '\u001b[2Jevil\u009b' })
    const file = folderOf({ 'a.log': STUCK + ndjson([hostile]) + '{"lifecycle":"transition"\nother\n' })
    const { out } = await called('audit', file('a.log'), '--now', now)
    expect(out.split('\n', 2)).toEqual(['2 requests stuck, 1 invalid line', '2 requests in 1 trace, 5 transitions in 7 lines; 1 line of others, 1 damaged line'])
    expect(out).toContain(REQUEST)
    expect(out).toContain('a request begins in Received, not in Queued')
    expect(out).toContain('11d 13h')
    expect(out).not.toMatch(/[^\P{Cc}\n]/u)
  })
})

describe('--machine', () => {
  const retries = new URL('../../machines/request-with-retries.ts', import.meta.url).pathname
  const source = (declare: string): string => `import { createMachine } from '${import.meta.resolve('xstate')}'\n${declare} createMachine({ id: 'mine', initial: 'New', states: { New: { meta: { stuckAfter: '1s' }, on: { GO: 'Old' } }, Old: { type: 'final' } } })\n`
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

  test('the shipped one that knows retries', async () => {
    const failed = [...transitions(['AUTH_OK']), transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' })]
    const file = folderOf({ 'a.log': ndjson(failed) })
    expect(await report(file('a.log'), '--machine', retries)).toMatchObject({ stuck: [], invalid: [] })
    expect(await report(file('a.log'))).toMatchObject({ invalid: [{ event: 'FAIL' }] })
  })
})
