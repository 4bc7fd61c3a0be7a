import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addRow, count, DESTINATION_NAMES, share } from './_fault-row.ts'
import { killPoint, killUnderLoad, type RunResult } from './_kill-under-load.ts'
import { isJob, kindOf } from './_request-kinds.ts'
import { RUNS } from './_run-counts.ts'
import { DESTINATIONS, type Destination } from './programs/_destinations.ts'

/** Numbers of requests, for one kill. */
interface Losses {
  readonly started: number
  readonly open: number
  readonly answered: number
  /** Started, but without a line in the logs. */
  readonly unlogged: number
  /** Answered, but reported as stuck. */
  readonly wronglyStuck: number
  /** Those of `wronglyStuck` whose end Node had emitted. */
  readonly wronglyStuckAfterEnd: number
}

function difference(ids: Iterable<string>, others: ReadonlySet<string>): string[] {
  return [...ids].filter((id) => !others.has(id))
}

/** Compares the audit with what handlers and clients know, and returns what was lost. */
function checkLosses({ stuck, logged, records, report, truth }: RunResult, to: Destination): Losses {
  const reported = new Set(stuck)
  const flushesBeforeHandler = to === 'default' || to === 'line' || to === 'pino-sync'
  const writesEachLine = to === 'line' || to === 'pino-sync'
  const unlogged = difference(truth.started, logged)
  if (flushesBeforeHandler) {
    expect(unlogged, 'started but not logged').toEqual([])
    const attempted = new Set(records.filter(({ event }) => event === 'ATTEMPT').map(({ trace_id }) => trace_id))
    expect(difference(truth.delivered, attempted), 'delivered without a logged attempt').toEqual([])
  }
  expect(difference(truth.open, new Set([...reported, ...unlogged])), 'open but not reported').toEqual([])
  // Lines go out just before the handler starts, so the kill can come between the two for at most one request.
  if (flushesBeforeHandler) {
    expect(difference(reported, truth.started).length, 'reported but not started').toBeLessThanOrEqual(1)
  }
  if (to !== 'pino-async') {
    const ended = writesEachLine ? truth.ended : truth.endedEarlier
    expect(
      [...ended].filter((id) => reported.has(id)),
      'ended but reported',
    ).toEqual([])
    expect(
      [...truth.answeredEarlier].filter((id) => reported.has(id)),
      'answered before another request but reported',
    ).toEqual([])
  }
  expect(report.invalid, 'invalid lines').toEqual([])
  expect(report.checked.damaged_lines, 'damaged lines: at most the last one of each log').toBeLessThanOrEqual(2)
  // A sender may die before it logs a hand-off that the worker's lines show.
  if (to !== 'pino-async') {
    expect(
      report.gaps.filter(({ trace_id }) => !isJob(kindOf(trace_id))),
      'gaps without a hand-off',
    ).toEqual([])
  }
  const wronglyStuck = [...truth.answered].filter((id) => reported.has(id))
  return {
    started: truth.started.size,
    open: truth.open.size,
    answered: truth.answered.size,
    unlogged: unlogged.length,
    wronglyStuck: wronglyStuck.length,
    wronglyStuckAfterEnd: wronglyStuck.filter((id) => truth.ended.has(id)).length,
  }
}

describe('after SIGKILL at a random time the audit reports what was open, and nothing that had ended', () => {
  test.for(DESTINATIONS)('%s', async (to, context) => {
    const losses: Losses[] = []
    const kills = RUNS.kills[to]
    await fc.assert(
      fc.asyncProperty(killPoint, async (point) => {
        losses.push(checkLosses(await killUnderLoad(point, to, 'SIGKILL', false), to))
      }),
      // A run cannot be repeated exactly, so there is nothing to shrink.
      { numRuns: kills, endOnFailure: true },
    )
    const sum = (key: keyof Losses): number => losses.reduce((total, loss) => total + loss[key], 0)
    const max = Math.max(...losses.map(({ wronglyStuck }) => wronglyStuck))
    expect(sum('started')).toBeGreaterThan(0)
    addRow(context, {
      fault: `SIGKILL of a loaded server, its worker, or both, ${DESTINATION_NAMES[to]}`,
      tried: `${count(kills)} kills, ${count(sum('started'))} requests, ${count(sum('open'))} of them open`,
      lost: [
        `${share(sum('unlogged'), sum('started'))} started requests were missing from the log`,
        `${share(sum('wronglyStuck'), sum('answered'))} answered ones were reported, at most ${String(max)} per kill`,
        `Node had emitted the end of ${share(sum('wronglyStuckAfterEnd'), sum('wronglyStuck'))}`,
      ].join('; '),
    })
  })
})
