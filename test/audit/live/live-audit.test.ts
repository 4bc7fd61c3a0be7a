import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import type { AuditReport } from '../../../src/audit/report.ts'
import { LiveAudit, type Finding } from '../../../src/audit/live/live-audit.ts'
import { compile } from '../../../src/machine/compile.ts'
import type { TransitionTable } from '../../../src/machine/table.ts'
import { parseLine } from '../../../src/logs/parse-line.ts'
import type { LifecycleRecord } from '../../../src/record/record.ts'
import { T0, trueLog, type TrueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { BEGUN, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../../sample-log.ts'
import { slowAudit } from '../reference/slow-audit.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)
const limitOf = (state: string): number =>
  state === 'Queued' ? 20_000 : table.state[state]?.final === true || state === 'Nowhere' ? Infinity : 5_000

function live(by = table, limits = limitOf): LiveAudit {
  return new LiveAudit({ table: by, limitOf: limits })
}

function feed(audit: LiveAudit, texts: readonly string[], from = 0): void {
  for (const [index, text] of texts.entries()) {
    for (const entry of parseLine(text)) {
      if (entry.kind === 'record') audit.add(entry.record, 'a.log', from + index + 1)
      else if (entry.kind === 'damaged') audit.addPartial(entry.fragment)
    }
  }
}

function fed(records: readonly LifecycleRecord[], by = table): LiveAudit {
  const audit = live(by)
  for (const record of records) audit.add(record)
  return audit
}

/** What the reference finds in these lines, with the thresholds of `limitOf`. */
function whole(texts: readonly string[], machine: TransitionTable, now: number): AuditReport {
  return slowAudit({ 'a.log': texts }, { machine, now, stuckAfter: ['5s', 'Queued=20s'] })
}

const textOf = (entry: object): string => JSON.stringify(entry, Object.keys(entry).sort())
const byText = (a: object, b: object): number => (textOf(a) < textOf(b) ? -1 : 1)
const named = ({ request_id, state }: { readonly request_id: string; readonly state: string }): string =>
  `${request_id} in ${state}`
const short = (findings: readonly Finding[]): string[] => findings.map(({ finding, state }) => `${finding} ${state}`)

/** A true log with lines lost, repeated, cut and made wrong, in any order. */
function spoilt(
  log: fc.Arbitrary<TrueLog>,
): fc.Arbitrary<{ readonly table: TransitionTable; readonly texts: readonly string[] }> {
  return log.chain(({ table: by, records }) => {
    const harm = fc.constantFrom(
      'none',
      'none',
      'none',
      'none',
      'lost',
      'twice',
      'first half',
      'latter half',
      'wrong',
      'waits',
      'shutdown',
    )
    const harms = fc.array(harm, { minLength: records.length, maxLength: records.length })
    const texts = harms.map((all) =>
      linesOf(records).flatMap((text, index): string[] => {
        switch (all[index]) {
          case 'lost':
            return []
          case 'twice':
            return [text, text]
          case 'first half':
            return [text.slice(0, text.length >> 1)]
          case 'latter half':
            return [text.slice(text.length >> 1)]
          case 'waits':
            return [text.replace(',"msg"', `,"due":${T0 + 40_000},"msg"`)]
          case 'shutdown':
            return [text.replace('CACHE_MISS', 'SHUTDOWN')]
          case 'wrong':
            return [text.replace(/"state":"[A-Za-z]+"/, '"state":"Queued"')]
          default:
            return [text]
        }
      }),
    )
    const ordered = fc
      .tuple(texts, fc.boolean())
      .chain(([lines, mixed]) => (mixed ? fc.shuffledSubarray(lines, { minLength: lines.length }) : fc.constant(lines)))
    return ordered.map((lines) => ({ table: by, texts: lines }))
  })
}

describe.each([
  ['request', requestMachine],
  ['request-with-retries', requestWithRetriesMachine],
] as const)('of any log of %s', (_, machine) => {
  const now = fc.integer({ min: T0, max: T0 + 150_000 })

  test('one tick finds what an audit of the whole log finds', () => {
    fc.assert(
      fc.property(spoilt(trueLog(machine)), now, (log, at) => {
        const audit = live(log.table)
        feed(audit, log.texts)
        const findings = audit.tick(at)
        const expected = whole(log.texts, log.table, at)
        const expectedFindings = [
          ...expected.stuck.map((entry) => ({ finding: 'stuck', ...entry })),
          ...expected.invalid.map((entry) => ({ finding: 'invalid', ...entry })),
        ]
        expect([...findings].sort(byText)).toEqual(expectedFindings.sort(byText))
        expect(audit.stuck).toBe(expected.stuck.length)
        expect(audit.tick(at)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('after every tick it has reported what an audit of the lines so far finds, and each change once', () => {
    fc.assert(
      fc.property(
        spoilt(trueLog(machine)),
        fc.array(fc.record({ lines: fc.nat(12), ms: fc.nat(20_000), read: fc.boolean() })),
        (log, steps) => {
          const audit = live(log.table)
          const reported = new Set<string>()
          let [read, at] = [0, T0]
          for (const step of [...steps, { lines: Infinity, ms: 30_000, read: false }]) {
            const texts = log.texts.slice(read, read + step.lines)
            feed(audit, texts, read)
            read += texts.length
            at += step.ms
            const findings = [...(step.read ? audit.drain() : []), ...audit.tick(at)]
            // Nobody moves on for a moment, until the next line is read.
            const left = findings.flatMap((found) =>
              found.finding === 'moved_on'
                ? [`${named({ ...found, state: found.was })} since ${String(found.since - found.stuck_for_ms)}`]
                : [],
            )
            const stayed = findings.flatMap((found) =>
              found.finding === 'stuck' ? [`${named(found)} since ${String(found.since)}`] : [],
            )
            expect(stayed.filter((text) => left.includes(text))).toEqual([])
            for (const found of findings) {
              if (found.finding === 'stuck') {
                expect(reported.has(named(found))).toBe(false)
                reported.add(named(found))
              } else if (found.finding === 'moved_on')
                expect(reported.delete(named({ ...found, state: found.was }))).toBe(true)
            }
            expect([...reported].sort()).toEqual(whole(log.texts.slice(0, read), log.table, at).stuck.map(named).sort())
            expect(audit.stuck).toBe(reported.size)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a request', () => {
  test('is reported once when it is stuck and once when it has moved on, and again in another state', () => {
    const audit = fed(transitions([]))
    expect(audit.tick(BEGUN + 5_000)).toEqual([])
    const ids = { trace_id: TRACE, request_id: REQUEST, service: 'gateway' }
    expect(audit.tick(BEGUN + 5_001)).toEqual([
      {
        finding: 'stuck',
        ...ids,
        state: 'Received',
        since: BEGUN,
        age_ms: 5_001,
        stuck_after_ms: 5_000,
        attempts: 0,
        last_error: null,
        cause: null,
      },
    ])
    expect(audit.tick(BEGUN + 60_000)).toEqual([])
    audit.add(
      transition({
        seq: 1,
        event: 'AUTH_OK',
        from: 'Received',
        state: 'Authenticated',
        time: BEGUN + 60_000,
        service: 'auth',
      }),
    )
    expect(audit.stuck).toBe(1)
    expect(audit.tick(BEGUN + 60_100)).toEqual([
      {
        finding: 'moved_on',
        ...ids,
        service: 'auth',
        state: 'Authenticated',
        since: BEGUN + 60_000,
        was: 'Received',
        stuck_for_ms: 60_000,
      },
    ])
    expect(audit.stuck).toBe(0)
    expect(short(audit.tick(BEGUN + 65_001))).toEqual(['stuck Authenticated'])
    for (const record of transitions(SYNC, {}, 70_000).slice(2)) audit.add(record)
    expect(short(audit.drain())).toEqual(['moved_on Responded'])
    expect(audit.tick(BEGUN + 1e9)).toEqual([])
  })

  test('that goes round between two ticks has moved on, and is stuck anew', () => {
    const working = (attempt: number, time: number): LifecycleRecord[] => [
      transition({ attempt, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working', time }),
      transition({ attempt, seq: 5, event: 'RETRY', from: 'Working', state: 'Queued', time: time + 10 }),
    ]
    const audit = fed(transitions(QUEUED, {}, 0, retries), retries)
    expect(short(audit.tick(BEGUN + 100_000))).toEqual(['stuck Queued'])
    for (const [attempt, time] of [
      [1, 100_000],
      [2, 200_000],
    ] as const) {
      for (const record of working(attempt, BEGUN + time)) audit.add(record)
      expect(short(audit.tick(BEGUN + time + 100))).toEqual(['moved_on Queued'])
      expect(short(audit.tick(BEGUN + time + 90_000))).toEqual(['stuck Queued'])
    }
  })

  test('that falls due at the same time in its next state is reported there too', () => {
    const audit = live(table, (state) => (state === 'Received' ? 5_000 : 3_000))
    audit.add(transition())
    expect(short(audit.tick(BEGUN + 5_001))).toEqual(['stuck Received'])
    audit.add(transition({ seq: 1, event: 'AUTH_OK', from: 'Received', state: 'Authenticated', time: BEGUN + 2_000 }))
    expect(short(audit.tick(BEGUN + 5_002))).toEqual(['moved_on Authenticated', 'stuck Authenticated'])
  })

  test('may stay as long as its service may', () => {
    const audit = new LiveAudit({ table, limitOf: (_state, service) => (service === 'slow' ? 50_000 : 5_000) })
    audit.add(transition({ service: 'slow' }))
    audit.add(transition({ request_id: 'b7ad6b7169203332' }))
    expect(audit.tick(BEGUN + 10_000)).toMatchObject([{ service: 'gateway' }])
    expect(audit.tick(BEGUN + 50_001)).toMatchObject([{ service: 'slow', stuck_after_ms: 50_000 }])
  })

  test('of which the log begins in its middle is followed from there', () => {
    const audit = fed(transitions(QUEUED).slice(2))
    expect(short(audit.tick(BEGUN + 60_000))).toEqual(['stuck Queued'])
  })

  test('whose last line was cut is not reported, until the cut line turns out to be of another request', () => {
    const other = { request_id: 'b7ad6b7169203332' }
    const cut =
      linesOf(transitions(['AUTH_OK'], other)).map((text) => text.slice(0, text.indexOf(',"trace_id"')))[1] ?? ''
    const audit = fed(transitions([]))
    feed(audit, [cut])
    expect(short(audit.tick(BEGUN + 5_500))).toEqual([])
    for (const record of transitions(SYNC, other)) if (record.seq !== 1) audit.add(record)
    expect(short(audit.tick(BEGUN + 5_600))).toEqual(['stuck Received'])
  })

  test('is not stuck again because the clock is set back', () => {
    const audit = fed(transitions([]))
    expect(short(audit.tick(BEGUN + 6_000))).toEqual(['stuck Received'])
    expect(audit.tick(BEGUN)).toEqual([])
    expect(audit.tick(BEGUN + 7_000)).toEqual([])
  })
})

test('an invalid line is reported once, when it comes, however often it is repeated', () => {
  const audit = live()
  const wrong = transition({ seq: 1, event: 'AUTH_OK', from: 'Received', state: 'Queued' })
  audit.add(transition(), 'a.log', 1)
  audit.add(wrong, 'a.log', 2)
  expect(audit.drain()).toMatchObject([
    {
      finding: 'invalid',
      reason: 'AUTH_OK leads from Received to Authenticated, not to Queued',
      file: 'a.log',
      line: 2,
    },
  ])
  audit.add(wrong, 'a.log.1', 2)
  expect(audit.drain()).toEqual([])
  audit.add({ ...wrong, time: BEGUN + 1 }, 'a.log', 3)
  expect(audit.tick(BEGUN)).toMatchObject([{ line: 3 }])
})

describe('what is held on to', () => {
  const requestId = (index: number): string => index.toString(16).padStart(16, '0')

  test('of requests by the hundred thousand is bounded by those that are open', () => {
    const audit = live()
    let findings = 0
    let most = 0
    for (let index = 0; index < 250_000; index += 1) {
      const common = { request_id: requestId(index), trace_id: `trace-${String(index >> 2)}`, time: BEGUN + index }
      // One in 10,000 hangs.
      if (index % 10_000 === 5) audit.add(transition(common), 'a.log', index)
      else
        audit.add(
          transition({ ...common, seq: 1, event: 'AUTH_ERROR', from: 'Received', state: 'Failed', outcome: 'denied' }),
          'a.log',
          index,
        )
      if (index % 1_000 !== 0) continue
      findings += audit.tick(BEGUN + index).length
      const { open, resting, lines, ended, deadlines } = audit.memoryUse
      most = Math.max(most, resting + lines + ended + deadlines - 3 * open)
    }
    expect(findings + audit.tick(BEGUN + 1e9).length).toBe(25)
    expect(audit.stuck).toBe(25)
    expect(audit.memoryUse).toMatchObject({ open: 25, ended: 100_000, fragments: 0 })
    // Those at rest, their lines, the ended, and deadlines that are over.
    expect(most).toBeLessThan(11_000 + 12_000 + 100_000 + 3_000)
  })

  test('of requests that wait for long and then end is not their deadlines', () => {
    const audit = live(table, () => 1e12)
    for (let index = 0; index < 20_000; index += 1) {
      audit.add(transition({ request_id: requestId(index) }))
      audit.drain()
      audit.add(
        transition({ request_id: requestId(index), seq: 1, event: 'AUTH_ERROR', from: 'Received', state: 'Failed' }),
      )
    }
    expect(audit.memoryUse.deadlines).toBeLessThan(3_000)
  })

  test('an ended request is remembered: its late lines cause no finding', () => {
    const audit = live()
    for (let index = 0; index < 50_000; index += 1) {
      for (const record of transitions(['AUTH_ERROR'], { request_id: requestId(index) })) audit.add(record)
      if (index % 1_000 === 0) audit.drain()
    }
    audit.drain()
    const { resting, ended } = audit.memoryUse
    expect(resting).toBeLessThanOrEqual(11_000)
    expect(resting + ended).toBe(50_000)
    for (let index = 0; index < 50_000; index += 1) audit.add(transition({ request_id: requestId(index) }))
    expect(audit.tick(BEGUN + 1e9)).toEqual([])
    expect(audit.memoryUse.open).toBe(0)
  })

  test('of requests that may stay for ever is a number of the latest', () => {
    const audit = live(table, () => Infinity)
    for (let index = 0; index < 30_000; index += 1) audit.add(transition({ request_id: requestId(index) }))
    expect(audit.tick(BEGUN + 1e9)).toEqual([])
    expect(audit.memoryUse).toMatchObject({ open: 0, resting: 10_000, ended: 0 })
  })

  test.each<[name: string, by: TransitionTable, begin: readonly LifecycleRecord[], since: number]>([
    ['request', table, transitions(QUEUED), BEGUN + 3_000],
    ['request, of which there are only notes', table, [], BEGUN + 10_000],
    ['request-with-retries', retries, transitions(QUEUED, {}, 0, retries), BEGUN + 5_000_001],
  ])(
    'of a request of %s that is tried again for ever are its latest lines, and how often it was tried',
    (_, by, begin, since) => {
      const audit = live(by, () => 20_000)
      for (const record of begin) audit.add(record)
      const error = { type: 'Error', message: 'no luck' }
      const found: Finding[] = []
      for (let attempt = 1; attempt <= 500; attempt += 1) {
        const time = BEGUN + attempt * 10_000
        const failed = { time: time + 1, ...(attempt === 7 ? { error } : {}) }
        if (by === retries) {
          audit.add(transition({ attempt, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working', time }))
          audit.add(transition({ attempt, seq: 5, event: 'RETRY', from: 'Working', state: 'Queued', ...failed }))
        } else {
          audit.add(note('ATTEMPT', { attempt, state: 'Queued', time }))
          audit.add(note('RETRY', { attempt, state: 'Queued', ...failed }))
        }
        // A log that is copied gives its lines again.
        if (attempt === 400 && by === retries)
          audit.add(
            transition({
              attempt: 1,
              seq: 4,
              event: 'ATTEMPT',
              from: 'Queued',
              state: 'Working',
              time: BEGUN + 10_000,
            }),
          )
        found.push(...audit.tick(time + 2))
      }
      found.push(...audit.tick(BEGUN + 1e9))
      expect(found).toMatchObject([
        { finding: 'stuck', state: 'Queued', since, ...(by === retries ? { attempts: 500, last_error: error } : {}) },
      ])
      expect(audit.memoryUse.lines).toBeLessThan(100)
    },
  )

  test('of a damaged line gives way to whole ones', () => {
    const audit = live()
    const [, second = ''] = linesOf(transitions(['AUTH_OK']))
    audit.add(transition())
    feed(audit, [second.slice(second.length >> 1)])
    // So many others that what it says is made its request's own.
    for (let index = 0; index < 2_000; index += 1)
      feed(audit, [second.replace(REQUEST, requestId(index)).slice(second.length >> 1)])
    expect(audit.memoryUse.fragments).toBeLessThanOrEqual(1_000)
    expect(short(audit.tick(BEGUN + 1e9))).toEqual(['stuck Authenticated'])
    for (const record of transitions(['AUTH_OK', 'PROCESS']).slice(2)) audit.add(record)
    expect(short(audit.tick(BEGUN + 1e9))).toEqual(['moved_on Processing', 'stuck Processing'])
  })

  test('of damaged lines is a bounded number, and what they have said stands', () => {
    const audit = live()
    const cut = (index: number): string => {
      const [, text = ''] = linesOf(transitions(['AUTH_ERROR'], { request_id: requestId(index) }))
      return text.slice(text.length >> 1)
    }
    const texts = Array.from({ length: 3_000 }, (_, index) => cut(index))
    for (let index = 0; index < 3_000; index += 1) audit.add(transition({ request_id: requestId(index) }))
    feed(audit, texts)
    expect(audit.memoryUse.fragments).toBe(1_000)
    expect(audit.tick(BEGUN + 1e9)).toEqual([])
    for (let index = 10_000; index < 35_000; index += 1)
      for (const record of transitions(['AUTH_ERROR'], { request_id: requestId(index) })) audit.add(record)
    expect(audit.tick(BEGUN + 1e9)).toEqual([])
    expect(audit.memoryUse).toMatchObject({ open: 0, fragments: 0 })
  })
})
