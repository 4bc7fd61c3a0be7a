import { ThroughlineError } from '../errors.ts'
import { parseDuration } from '../lifecycle/duration.ts'
import type { TransitionTable } from '../lifecycle/table.ts'

/**
 * Reads thresholds as they are given on a command line: `30s` for every state, `Queued=15m` for one.
 *
 * The more special wins, whatever the order; states that are not named keep the machine's `meta.stuckAfter`.
 *
 * @returns the threshold of each state, in milliseconds; `Infinity` for final states
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, or THROUGHLINE_BAD_STATE for a state that the machine has not
 * @example stuckLimits(table, ['1m', 'Queued=15m'])
 */
export function stuckLimits(table: TransitionTable, given: readonly string[] = []): ReadonlyMap<string, number> {
  const limits = new Map(table.states.map(({ name, stuckAfterMs }) => [name, stuckAfterMs]))
  const open = table.states.filter(({ final }) => !final).map(({ name }) => name)
  const named = given.map((text): [string | undefined, string] => {
    // Up to the last equals sign: a state's name may hold one.
    const at = text.lastIndexOf('=')
    return at === -1 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)]
  })
  for (const [state, duration] of named) if (state === undefined) for (const name of open) limits.set(name, parseDuration(duration))
  for (const [state, duration] of named) {
    if (state === undefined) continue
    if (!open.includes(state)) {
      const mend = table.state[state] === undefined ? `its states are ${open.join(', ')}` : 'it is final, and what has ended is never stuck'
      throw new ThroughlineError('THROUGHLINE_BAD_STATE', `machine "${table.id}" has no state "${state}" to be stuck in: ${mend}`)
    }
    limits.set(state, parseDuration(duration))
  }
  return limits
}
