import type { Machine } from './machine.ts'
import { percentile } from './percentiles.ts'

/** How long a request may be in a state, and what set that. */
export interface Threshold {
  readonly stuck_after_ms: number
  readonly from: 'machine' | 'given' | 'learned'
}

const UNITS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** The threshold of a state for one service, given how long its requests have been there. */
export function thresholdOf(
  machine: Machine,
  stuckAfter: readonly string[],
  name: string,
  times: readonly number[],
): Threshold {
  const state = machine.states.find((other) => other.name === name)
  if (state === undefined || state.final) return { stuck_after_ms: Infinity, from: 'machine' }
  const special = stuckAfter.findLast((text) => text.startsWith(`${name}=`))?.slice(name.length + 1)
  const general = stuckAfter.findLast((text) => !text.includes('=') && text !== 'auto')
  const given = special ?? general
  if (given !== undefined) return { stuck_after_ms: milliseconds(given), from: 'given' }
  const p99 = percentile(times, 0.99)
  if (stuckAfter.includes('auto') && times.length >= 30 && p99 !== null)
    return { stuck_after_ms: Math.max(1_000, Math.ceil(3 * p99)), from: 'learned' }
  return { stuck_after_ms: state.stuckAfterMs, from: 'machine' }
}

function milliseconds(duration: string): number {
  const [, amount, unit = ''] = /^(\d+)([a-z]+)$/.exec(duration) ?? []
  return Number(amount) * (UNITS.get(unit) ?? NaN)
}
