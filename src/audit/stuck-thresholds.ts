import { ThroughlineError } from '../errors.ts'
import { parseDuration } from '../machine/duration.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { Dwell } from './dwell-histogram.ts'

/** How long a request may stay in a state, and where the limit comes from. */
export interface StuckLimit {
  readonly stuck_after_ms: number
  /** The machine's `meta.stuckAfter`, the caller, or the log (see {@link learnThreshold}). */
  readonly from: 'machine' | 'given' | 'learned'
}

/** Thresholds by state. */
export interface StuckThresholds {
  readonly states: ReadonlyMap<string, StuckLimit>
  /** Whether thresholds that are not given are learned from the log. */
  readonly auto: boolean
}

/**
 * Parses thresholds as on the command line: `30s` for every state, `Queued=15m` for one, `auto` to learn from the log.
 *
 * The more specific one wins, in any order. Other states keep the machine's `meta.stuckAfter`.
 *
 * @returns the threshold of each state, in milliseconds; `Infinity` for final states
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, or THROUGHLINE_BAD_STATE for a state that the machine does not
 *   have
 * @example parseStuckThresholds(table, ['1m', 'Queued=15m'])
 */
export function parseStuckThresholds(table: TransitionTable, given: readonly string[] = []): StuckThresholds {
  const states = new Map<string, StuckLimit>(
    table.states.map(({ name, stuckAfterMs }) => [name, { stuck_after_ms: stuckAfterMs, from: 'machine' }]),
  )
  const open = table.states.filter(({ final }) => !final).map(({ name }) => name)
  const named = given.map((text): [string | undefined, string] => {
    // Up to the last equals sign: the name of a state may contain one.
    const at = text.lastIndexOf('=')
    return at === -1 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)]
  })
  const auto = named.some(([state, duration]) => state === undefined && duration === AUTO)
  for (const [state, duration] of named) {
    if (state !== undefined || duration === AUTO) continue
    for (const name of open) states.set(name, { stuck_after_ms: parseDuration(duration), from: 'given' })
  }
  for (const [state, duration] of named) {
    if (state === undefined) continue
    if (!open.includes(state)) {
      const fix =
        table.state[state] === undefined
          ? `its states are ${open.join(', ')}`
          : 'it is final, and what has ended is never stuck'
      throw new ThroughlineError(
        'THROUGHLINE_BAD_STATE',
        `machine "${table.id}" has no state "${state}" to be stuck in: ${fix}`,
      )
    }
    states.set(state, { stuck_after_ms: parseDuration(duration), from: 'given' })
  }
  return { states, auto }
}

const AUTO = 'auto'

/** Nothing is learned from fewer visits of a state. */
const MIN_VISITS = 30
/** Below a second, a pause of the process is more likely than a request that hangs. */
const MIN_MS = 1_000
const TIMES_P99 = 3

/** The threshold learned from the log: three times the p99 of the visits; undefined if there are too few. */
export function learnThreshold({ p99 }: Dwell, visits: number): StuckLimit | undefined {
  if (p99 === null || visits < MIN_VISITS) return undefined
  return { stuck_after_ms: Math.max(MIN_MS, Math.ceil(p99 * TIMES_P99)), from: 'learned' }
}
