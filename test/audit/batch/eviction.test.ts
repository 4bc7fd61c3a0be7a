import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../../src/audit/report.ts'
import { compile } from '../../../src/machine/compile.ts'
import { linesOf } from '../../log-lines.ts'
import { audited, type Reading } from '../../run-audit.ts'
import { note, QUEUED, SYNC, transition, transitions } from '../../sample-log.ts'
import { slowAudit, type Files } from '../reference/slow-audit.ts'

const table = compile(requestMachine)
const limits = parseStuckThresholds(table)
const now = 1_790_100_000_000

function report(files: Files, reading: Pick<Reading, 'blockLines' | 'maxEnded' | 'rereadable'>): AuditReport {
  return audited(files, { table, limits, now, ...reading })
}

function expected(files: Files): AuditReport {
  return slowAudit(files, { machine: table, now, stuckAfter: [] })
}

/** The lines of so many requests, each a minute after the one before. */
function requests(count: number): string[][] {
  return Array.from({ length: count }, (_, n) => {
    const common = {
      trace_id: `01a0c450-${(0x1000 + n).toString(16)}-7000-8a1b-00000000000${String(n % 10)}`,
      request_id: (0xb7ad6b7100000000n + BigInt(n)).toString(16),
    }
    return linesOf(transitions(n % 7 === 0 ? QUEUED : SYNC, common, n * 60_000))
  })
}

/** A log in which lines of an early request come again at the end, and how it is split into blocks. */
const repeated = fc
  .record({
    count: fc.integer({ min: 20, max: 60 }),
    which: fc.nat(19),
    line: fc.nat(3),
    blockLines: fc.constantFrom(1, 4, 10),
  })
  .map(({ count, which, line, blockLines }) => {
    const all = requests(count)
    return { files: { 'a.log': [...all.flat(), ...(all[which]?.slice(line) ?? [])] }, blockLines }
  })

test('a repeat of an evicted request does not change the report', () => {
  fc.assert(
    fc.property(repeated, ({ files, blockLines }) => {
      expect(report(files, { blockLines, maxEnded: 2 })).toEqual(expected(files))
    }),
  )
})

test('a repeat of an evicted request in a pipe, which cannot be read again, causes no finding', () => {
  fc.assert(
    fc.property(repeated, ({ files, blockLines }) => {
      const { stuck, invalid, gaps, checked } = expected(files)
      expect(checked.requests).toBeGreaterThan(0)
      expect(report(files, { blockLines, maxEnded: 2, rereadable: false })).toMatchObject({
        stuck,
        invalid,
        gaps,
        checked,
      })
    }),
  )
})

test('a late note and then a repeated first line of an evicted request are not a request of their own', () => {
  const all = requests(30)
  const ids = { trace_id: '01a0c450-1001-7000-8a1b-000000000001', request_id: 'b7ad6b7100000001' }
  const late = linesOf([note('CACHE_MISS', { ...ids, state: 'Responded', time: now - 2 })])
  // The repeat is in the next block, which is read after the note because it begins with a later time.
  const other = `{"level":30,"time":${now - 1},"msg":"third-party"}`
  const files = { 'a.log': [...all.flat(), ...late, other, other, ...(all[1]?.slice(0, 1) ?? [])] }
  expect(expected(files).checked.requests).toBe(30)
  expect(report(files, { blockLines: 2, maxEnded: 2 })).toEqual(expected(files))
})

test('a message that is completed again long after its request was evicted is a duplicate, in a file or a pipe', () => {
  const ids = { request_id: 'b7ad6b71ffffffff', trace_id: '01a0c450-0fff-7000-8a1b-000000000000' }
  const done = {
    ...ids,
    service: 'worker',
    seq: 4,
    event: 'COMPLETE',
    from: 'Queued',
    state: 'Completed',
    outcome: 'ok',
  } as const
  const first = [...transitions(QUEUED, ids), transition({ ...done, time: 1_790_000_010_000, attempt: 1 })]
  const again = transition({ ...done, time: 1_790_090_000_000, attempt: 2 })
  const files = { 'a.log': [...linesOf(first), ...requests(40).flat(), ...linesOf([again])] }
  const { stuck, duplicates } = expected(files)
  expect(duplicates).toBe(1)
  for (const maxEnded of [0, 2, 20_000]) {
    expect(report(files, { blockLines: 3, maxEnded })).toEqual(expected(files))
    expect(report(files, { blockLines: 3, maxEnded, rereadable: false })).toMatchObject({ stuck, duplicates })
  }
})
