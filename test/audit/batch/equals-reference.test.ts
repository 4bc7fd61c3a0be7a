import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import { audited } from '../../run-audit.ts'
import { longLog, T0, trueLog } from '../../log-arbitraries.ts'
import { linesOf, type Files } from '../../log-lines.ts'
import { slowAudit } from '../reference.ts'

const MACHINES = [
  ['request', requestMachine],
  ['request-with-retries', requestWithRetriesMachine],
] as const

/** What may happen to a line on its way: most often nothing. */
const fate = fc.oneof(
  { weight: 30, arbitrary: fc.constant((line: string) => [line]) },
  { weight: 2, arbitrary: fc.constant((line: string) => [line, line]) },
  { weight: 1, arbitrary: fc.constant(() => []) },
  { weight: 1, arbitrary: fc.nat(400).map((at) => (line: string) => [line.slice(0, at)]) },
  { weight: 1, arbitrary: fc.nat(400).map((at) => (line: string) => [line.slice(at)]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(400), fc.constantFrom('"', 'x', '\\', '9', '{', '\u0000', 'é'))
      .map(([at, byte]) => (line: string) => [line.slice(0, at) + byte + line.slice(at + 1)]),
  },
  {
    weight: 1,
    arbitrary: fc.constant((line: string) => [line, '{"level":30,"time":1,"msg":"of another"}', '', 'plain']),
  },
  {
    weight: 1,
    arbitrary: fc.constant((line: string) => [
      line.replace(/"trace_id":"([^"]*)"/, (_, id: string) => `"trace_id":"${id.replaceAll('-', '').toUpperCase()}"`),
    ]),
  },
  { weight: 1, arbitrary: fc.constant((line: string) => [line.replace(/"request_id":"/, '"request_id":"Q')]) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(7, 32, 33, 36, 60)
      .map((length) => (line: string) => [
        line.replace(
          /"trace_id":"([^"]*)"/,
          (_, id: string) => `"trace_id":"${id.replaceAll('-', '').padEnd(length, 'x').slice(0, length)}"`,
        ),
      ]),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        '"error":{"type":"E","message":"no luck"}',
        '"error":{"type":"E","message":"no\\"luck"}',
        '"data":{"a":1,"b":"x"}',
        '"data":{"error":"so"}',
        '"attempt":2',
        '"attempt":02',
        '"dwell_ms":1e3',
        '"implied":true',
        '"outcome":"ok","status":200,"duration_ms":1.5',
        '"unknown":null',
      )
      .map((member) => (line: string) => [line.replace(/,"msg":/, `,${member},"msg":`)]),
  },
)

/** How the loggers of a whole log write their lines: as ours do, or in a way of their own. */
const dress = fc.constantFrom<(line: string) => string>(
  (line) => line,
  (line) => line.replace(/("time":\d+)/, '$1,"pid":7,"hostname":"höst"'),
  (line) => `${line}\r`,
  (line) => line.replace('{"level":30,', '{'),
  (line) => line.replace(/"time":(\d+)/, (_, time: string) => `"time":"${new Date(Number(time)).toISOString()}"`),
  (line) => line.replace(/,"msg":"[^"]*"/, ''),
  (line) => line.replace(/"time":(\d+)/, '"time":$1.5'),
)

const files = (lines: readonly string[]): fc.Arbitrary<Files> =>
  fc
    .tuple(
      fc.array(fate, { minLength: lines.length, maxLength: lines.length }),
      fc.array(fc.nat(3), { minLength: lines.length, maxLength: lines.length }),
      fc.boolean(),
      dress,
    )
    .chain(([fates, homes, shuffled, dressed]) => {
      const told = lines.flatMap((line, index) =>
        (fates[index]?.(dressed(line)) ?? []).map((text) => ({ text, file: `${String(homes[index] ?? 0)}.log` })),
      )
      const order = shuffled ? fc.shuffledSubarray(told, { minLength: told.length }) : fc.constant(told)
      return order.map((all) =>
        Object.fromEntries(
          ['0.log', '1.log', '2.log', '3.log'].map((name) => [
            name,
            all.filter(({ file }) => file === name).map(({ text }) => text),
          ]),
        ),
      )
    })

test.each(MACHINES)('the answer equals that of an audit which keeps and parses everything (%s)', (_, machine) => {
  const logs = fc
    .oneof(trueLog(machine), longLog(machine, false))
    .chain((log) => files(linesOf(log.records)).map((told) => [log, told] as const))
  fc.assert(
    fc.property(
      logs,
      fc.nat(200_000),
      fc.constantFrom(1, 3, 10, Infinity),
      fc.constantFrom(0, 1, 5, 50_000),
      ([{ table }, told], later, blockLines, maxEnded) => {
        const question = { table, now: T0 + later, limits: parseStuckThresholds(table, ['5s', 'Queued=20s']) }
        expect(audited(told, { ...question, blockLines, maxEnded })).toEqual(slowAudit(told, question))
      },
    ),
    { numRuns: 300, endOnFailure: true },
  )
})
