import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { audit } from '../../src/audit/audit.ts'
import { stuckLimits } from '../../src/audit/limits.ts'
import { T0, trueLog } from '../log-arbitraries.ts'
import { evidenceOf, linesOf } from '../log-lines.ts'

const machines = [requestMachine, requestWithRetriesMachine]
const NOW = T0 + 3_600_000

describe.each(machines)('with 5 %% of the lines of $id cut in half', (machine) => {
  const cutLog = trueLog(machine, { minLength: 5, maxLength: 60, size: 'max' }).chain((log) => {
    const count = Math.ceil(log.records.length / 20)
    const places = fc.uniqueArray(fc.nat(log.records.length - 1), { minLength: count, maxLength: count })
    return fc.tuple(fc.constant(log), places)
  })

  test('every cut is counted, what ended is not stuck, and what is stuck is found or among the gaps', () => {
    fc.assert(
      fc.property(cutLog, ([{ table, records, requests }, places]) => {
        const lines = linesOf(records)
        const cut = lines.map((line, index) => (places.includes(index) ? line.slice(0, line.length >> 1) : line))
        const report = audit(evidenceOf({ 'all.ndjson': cut }), { table, now: NOW, limits: stuckLimits(table) })
        expect(report.checked).toMatchObject({ lines: lines.length, damaged_lines: places.length })
        expect(report.invalid).toEqual([])
        for (const { requestId, ended } of requests) {
          const isStuck = report.stuck.some(({ request_id }) => request_id === requestId)
          const hasGap = report.gaps.some(({ request_id }) => request_id === requestId)
          if (ended) expect(isStuck, `${requestId} has ended`).toBe(false)
          else expect(isStuck || hasGap, `${requestId} is stuck`).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
  })
})
