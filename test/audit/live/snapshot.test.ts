import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestMachine } from '../../../machines/request.ts'
import { LiveAudit } from '../../../src/audit/live/live-audit.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import { compile } from '../../../src/machine/compile.ts'
import { parseLine } from '../../../src/logs/parse-line.ts'
import { T0, trueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { audited } from '../../run-audit.ts'
import { BEGUN, QUEUED, REQUEST, SYNC, transition, transitions } from '../../sample-log.ts'

const table = compile(requestMachine)
const limits = parseStuckThresholds(table, ['5s', 'Queued=20s'])
const limitOf = (state: string): number => limits.states.get(state)?.stuck_after_ms ?? Infinity

function liveAudit(texts: readonly string[]): LiveAudit {
  const audit = new LiveAudit({ table, limitOf })
  for (const [index, text] of texts.entries()) {
    for (const entry of parseLine(text)) {
      if (entry.kind === 'record') audit.add(entry.record, 'a.log', index + 1)
      else if (entry.kind === 'damaged') audit.addPartial(entry.fragment)
    }
  }
  return audit
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

describe('snapshot()', () => {
  test('has the stuck and open requests of a batch audit of the same lines', () => {
    fc.assert(
      fc.property(
        trueLog(requestMachine),
        fc.nat(200),
        fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
        fc.integer({ min: T0, max: T0 + 150_000 }),
        ({ records }, count, truncated, now) => {
          const texts = linesOf(records)
            .slice(0, count)
            .map((text, index) =>
              truncated[index] === true && index % 4 === 0 ? text.slice(0, text.length >> 1) : text,
            )
          const report = audited({ 'a.log': texts }, { table, limits, now })
          const { stuck, open, states } = liveAudit(texts).snapshot(now)
          expect([...stuck].sort(byText)).toEqual([...report.stuck].sort(byText))
          const expected = Object.entries(report.states).flatMap(([state, { services }]) =>
            Object.entries(services).flatMap(([service, counts]) =>
              counts.open === 0 ? [] : [[state, service, counts.open]],
            ),
          )
          const actual = Object.entries(states).flatMap(([state, services]) =>
            Object.entries(services).map(([service, requests]) => [state, service, requests]),
          )
          expect(actual.sort(byText)).toEqual(expected.sort(byText))
          expect(open).toBe(expected.reduce((sum, [, , requests]) => sum + Number(requests), 0))
        },
      ),
      { numRuns: 200 },
    )
  })

  test('lists the oldest stuck request first, and has the latest time and the memory use', () => {
    const audit = new LiveAudit({ table, limitOf })
    expect(audit.snapshot(BEGUN)).toMatchObject({ latest: -Infinity, open: 0, stuck: [], states: {} })
    const ids = ['b7ad6b7169203331', 'b7ad6b7169203332', 'b7ad6b7169203333']
    for (const [index, request_id] of ids.entries())
      audit.add(transition({ request_id, service: index === 0 ? 'auth' : 'gateway', time: BEGUN - index }))
    const snapshot = audit.snapshot(BEGUN + 5_001)
    expect(snapshot.stuck.map(({ request_id }) => request_id)).toEqual([...ids].reverse())
    expect(snapshot).toMatchObject({ latest: BEGUN, open: 3, states: { Received: { auth: 1, gateway: 2 } } })
    expect(snapshot.memory).toEqual(audit.memoryUse)
  })

  test('does not count a request that has ended', () => {
    const texts = linesOf([...transitions(SYNC), ...transitions(QUEUED, { request_id: 'b7ad6b7169203332' })])
    expect(liveAudit(texts).snapshot(BEGUN + 1e9)).toMatchObject({ open: 1, states: { Queued: { gateway: 1 } } })
  })

  test('consumes no finding', () => {
    const audit = new LiveAudit({ table, limitOf })
    audit.add(transition({ state: 'Queued' }))
    audit.snapshot(BEGUN + 1e9)
    expect(audit.stuck).toBe(0)
    expect(audit.tick(BEGUN + 1e9)).toMatchObject([
      { finding: 'invalid', request_id: REQUEST },
      { finding: 'stuck', request_id: REQUEST },
    ])
  })
})
