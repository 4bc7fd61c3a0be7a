import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import { compile } from '../../../src/machine/compile.ts'
import { audited } from '../../run-audit.ts'
import { linesOf } from '../../log-lines.ts'
import { QUEUED, SYNC, transition, transitions } from '../../sample-log.ts'
import { slowAudit } from '../reference.ts'

const table = compile(requestMachine)
const limits = parseStuckThresholds(table)

/** So many requests, each a minute after the one before. */
function log(count: number): string[][] {
  return Array.from({ length: count }, (_, n) => {
    const common = {
      trace_id: `01a0c450-${(0x1000 + n).toString(16)}-7000-8a1b-00000000000${String(n % 10)}`,
      request_id: (0xb7ad6b7100000000n + BigInt(n)).toString(16),
    }
    return linesOf(transitions(n % 7 === 0 ? QUEUED : SYNC, common, n * 60_000))
  })
}

test('a repeat, however late, of a request that is long forgotten changes nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 60 }),
      fc.nat(19),
      fc.nat(3),
      fc.constantFrom(1, 4, 10),
      (count, repeated, line, blockLines) => {
        const lines = log(count)
        const files = { 'a.log': [...lines.flat(), ...(lines[repeated]?.slice(line) ?? [])] }
        const question = { table, limits, now: 1_790_100_000_000 }
        expect(audited(files, { ...question, blockLines, maxEnded: 2 })).toEqual(slowAudit(files, question))
      },
    ),
  )
})

test('a pipe cannot be read again: what was forgotten is remembered, and a repeat of it accuses nobody', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 60 }),
      fc.nat(19),
      fc.nat(3),
      fc.constantFrom(1, 4, 10),
      (count, repeated, line, blockLines) => {
        const lines = log(count)
        const files = { 'a.log': [...lines.flat(), ...(lines[repeated]?.slice(line) ?? [])] }
        const question = { table, limits, now: 1_790_100_000_000 }
        const { stuck, invalid, gaps, checked } = slowAudit(files, question)
        expect(audited(files, { ...question, blockLines, maxEnded: 2, rereadable: false })).toMatchObject({
          stuck,
          invalid,
          gaps,
          checked,
        })
      },
    ),
  )
})

test('a message that comes again long after it was done with is a duplicate, read from a file or a pipe', () => {
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
  const files = { 'a.log': [...linesOf(first), ...log(40).flat(), ...linesOf([again])] }
  const question = { table, limits, now: 1_790_100_000_000, blockLines: 3, mostEnded: 2 }
  expect(audited(files, question)).toEqual(slowAudit(files, question))
  const { stuck, duplicates } = slowAudit(files, question)
  expect(duplicates).toBe(1)
  expect(audited(files, { ...question, rereadable: false })).toMatchObject({ stuck, duplicates })
})
