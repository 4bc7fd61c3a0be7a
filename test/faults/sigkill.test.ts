import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BUDGET } from './_budget.ts'
import { isJob } from './_kinds.ts'
import { killed, played, type Found } from './_pause-at.ts'
import { count, NAMES, share, tell } from './_server-stats.ts'
import { kindOf } from './_truth.ts'
import { DESTINATIONS, type Destination } from './programs/tracker-for.ts'

/** What one kill has cost. */
interface Cost {
  readonly begun: number
  readonly open: number
  readonly answered: number
  /** Requests whose handler had begun and of which no line is left. */
  readonly unknown: number
  /** Requests that were answered and are named as stuck. */
  readonly accused: number
  /** Of these, the ones of which Node had told that the answer is out. */
  readonly accusedThoughTold: number
}

function without(ids: Iterable<string>, others: ReadonlySet<string>): string[] {
  return [...ids].filter((id) => !others.has(id))
}

/** Holds the findings of the audit against what handlers and clients know, and tells what was lost. */
function costOf({ stuck, known, records, report, truth }: Found, to: Destination): Cost {
  const named = new Set(stuck)
  const entered = to === 'default' || to === 'line' || to === 'own-sync'
  const byLine = to === 'line' || to === 'own-sync'
  const unknown = without(truth.begun, known)
  if (entered) {
    expect(unknown, 'every request whose handler began is in the log').toEqual([])
    const attempted = new Set(records.filter(({ event }) => event === 'ATTEMPT').map(({ trace_id }) => trace_id))
    expect(without(truth.worked, attempted), 'and every attempt that began').toEqual([])
  }
  expect(without(truth.open, new Set([...named, ...unknown])), 'what was open is named').toEqual([])
  // A process does one thing at a time: at most one request's lines are out while its handler is still to begin.
  if (entered) expect(without(named, truth.begun).length, 'and next to nothing else').toBeLessThanOrEqual(1)
  if (to !== 'own-async') {
    expect(
      [...(byLine ? truth.told : truth.settled)].filter((id) => named.has(id)),
      'what was told as ended is not named',
    ).toEqual([])
    expect(
      [...truth.followed].filter((id) => named.has(id)),
      'nor what was answered before another answer',
    ).toEqual([])
  }
  expect(report.invalid, 'no line is invalid').toEqual([])
  expect(report.checked.damaged_lines, 'at most the last line of each is torn').toBeLessThanOrEqual(2)
  // Of a message that was taken the sender may not have told: the worker's lines say that it was.
  if (to !== 'own-async')
    expect(
      report.gaps.filter(({ trace_id }) => !isJob(kindOf(trace_id))),
      'no line is missing between others',
    ).toEqual([])
  const accused = [...truth.answered].filter((id) => named.has(id))
  return {
    begun: truth.begun.size,
    open: truth.open.size,
    answered: truth.answered.size,
    unknown: unknown.length,
    accused: accused.length,
    accusedThoughTold: accused.filter((id) => truth.told.has(id)).length,
  }
}

describe('SIGKILL at any moment: what was open is named, and nothing that was over', () => {
  test.for(DESTINATIONS)('%s', async (to, context) => {
    const costs: Cost[] = []
    const tried = BUDGET.killed[to]
    await fc.assert(
      fc.asyncProperty(killed, async (moment) => {
        const found = await played(moment, to, 'SIGKILL', false)
        costs.push(costOf(found, to))
      }),
      // A moment cannot be had twice: there is nothing to be made smaller.
      { numRuns: tried, endOnFailure: true },
    )
    const sum = (of: (cost: Cost) => number): number => costs.reduce((all, cost) => all + of(cost), 0)
    const [begun, answered, accused] = [
      sum((cost) => cost.begun),
      sum((cost) => cost.answered),
      sum((cost) => cost.accused),
    ]
    const most = Math.max(...costs.map((cost) => cost.accused))
    expect(begun).toBeGreaterThan(0)
    tell(context, {
      fault: `SIGKILL of a loaded server, its worker, or both, ${NAMES[to]}`,
      tried: `${count(tried)} moments, ${count(begun)} requests, ${count(sum((cost) => cost.open))} of them open`,
      lost: `${share(
        sum((cost) => cost.unknown),
        begun,
      )} that had begun are unknown; ${share(accused, answered)} that were answered are named, at most ${String(most)} after one kill; Node had told of the end of ${share(
        sum((cost) => cost.accusedThoughTold),
        accused,
      )}`,
    })
  })
})
