import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../../src/audit/report.ts'
import { audited } from '../../run-audit.ts'
import { longLog, T0, type TrueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'

/** A true log, and the places of the lines that are to be cut: one in twenty. */
function cutLog(log: fc.Arbitrary<TrueLog>): fc.Arbitrary<readonly [TrueLog, readonly number[]]> {
  return log.chain((whole) => {
    const count = Math.ceil(whole.records.length / 20)
    return fc.tuple(
      fc.constant(whole),
      fc.uniqueArray(fc.nat(whole.records.length - 1), { minLength: count, maxLength: count }),
    )
  })
}

function cutAudit({ table, records }: TrueLog, places: readonly number[], cut: (line: string) => string): AuditReport {
  const lines = linesOf(records).map((line, index) => (places.includes(index) ? cut(line) : line))
  return audited({ 'all.ndjson': lines }, { table, now: T0 + 36_000_000, limits: parseStuckThresholds(table) })
}

const firstHalf = (line: string): string => line.slice(0, line.length >> 1)
const latterHalf = (line: string): string => line.slice(line.length >> 1)
const named = (entries: readonly { readonly request_id: string }[]): Set<string> =>
  new Set(entries.map(({ request_id }) => request_id))

/** The requests of which the cuts have left a whole line: of the others nobody can know. */
function known({ records, requests }: TrueLog, places: readonly number[]): TrueLog['requests'] {
  const left = named(records.filter((_, index) => !places.includes(index)))
  return requests.filter(({ requestId }) => left.has(requestId))
}

describe.each([
  ['request', requestMachine],
  ['request-with-retries', requestWithRetriesMachine],
] as const)('one line in twenty cut in half, of %s', (_, machine) => {
  test.each([
    ['first', firstHalf],
    ['latter', latterHalf],
  ])('every cut is counted, causes no finding, and hides at most one stuck request (%s half)', (_half, cut) => {
    fc.assert(
      fc.property(cutLog(longLog(machine, false)), ([log, places]) => {
        const report = cutAudit(log, places, cut)
        expect(report.checked).toMatchObject({ lines: log.records.length, damaged_lines: places.length })
        expect(report.invalid).toEqual([])
        const [stuck, gaps] = [named(report.stuck), named(report.gaps)]
        const hidden = known(log, places).filter(
          ({ ended, requestId }) => !ended && !stuck.has(requestId) && !gaps.has(requestId),
        )
        expect(hidden).toEqual([])
        // A damaged line applies to one request at most.
        const cleared = known(log, places).filter(({ ended, requestId }) => !ended && !stuck.has(requestId))
        expect(cleared.length).toBeLessThanOrEqual(places.length)
      }),
    )
  })

  test.each([
    ['first', firstHalf],
    ['latter', latterHalf],
  ])('what has ended is not called stuck, where requests follow each other (%s half)', (_half, cut) => {
    fc.assert(
      fc.property(cutLog(longLog(machine, true)), ([log, places]) => {
        const report = cutAudit(log, places, cut)
        const stuck = named(report.stuck)
        expect(known(log, places).filter(({ ended, requestId }) => ended && stuck.has(requestId))).toEqual([])
      }),
    )
  })
})
