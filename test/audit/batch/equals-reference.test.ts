import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import { longLog, T0, trueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { audited } from '../../run-audit.ts'
import { slowAudit, type Files } from '../reference/slow-audit.ts'
import { alteredFiles } from './altered-files.ts'

/** Blocks of so many lines, and so many ended requests in memory. */
const reading = fc.record({
  blockLines: fc.constantFrom(1, 3, 10, Infinity),
  maxEnded: fc.constantFrom(0, 1, 5, 50_000),
})
const stuckAfter = fc.constantFrom<readonly string[]>([], ['5s', 'Queued=20s'], ['auto'], ['Queued=20s', 'auto', '1m'])
const now = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200_000).map((ms) => T0 + ms) },
  { weight: 1, arbitrary: fc.constant('end' as const) },
)

/** Whether a request has two first lines with different times. */
function hasFirstLinesOfTwoTimes(files: Files): boolean {
  const times = new Map<string, string>()
  return Object.values(files)
    .flat()
    .flatMap((line) => [...line.matchAll(/"time":("?[^,"]*).*?"request_id":"([^"]*)","seq":0\b/g)])
    .some(([, time = '', request = '']) => (times.get(request) ?? time) !== time || times.set(request, time).size === 0)
}

test.each([
  ['request', requestMachine],
  ['request-with-retries', requestWithRetriesMachine],
] as const)('the report equals that of the reference, which keeps and parses every line (%s)', (_, machine) => {
  const logs = fc
    .oneof(trueLog(machine), longLog(machine, false))
    .chain(({ table, records }) => alteredFiles(linesOf(records)).map((files) => ({ table, files })))
  fc.assert(
    fc.property(logs, now, stuckAfter, reading, ({ table, files }, at, given, options) => {
      // Of these, a request that is evicted between them counts twice: see RequestTable.
      fc.pre(!hasFirstLinesOfTwoTimes(files))
      const expected = slowAudit(files, { machine: table, now: at, stuckAfter: given })
      // With no record left, there is no last one.
      fc.pre(Number.isFinite(expected.now))
      const limits = parseStuckThresholds(table, given)
      expect(audited(files, { table, now: at, limits, ...options })).toEqual(expected)
    }),
    { numRuns: 300, endOnFailure: true },
  )
})
