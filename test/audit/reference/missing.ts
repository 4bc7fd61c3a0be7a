import type { Line } from './histories.ts'

export const MAX_LISTED = 1_000

/**
 * The `seq`s that must have been written and are not there, the first 1,000.
 *
 * Up to the position of the request a `seq` may be on a line of any attempt. Up to the last line of each attempt, it
 * must be on a line of that attempt or of the request before its hand-off.
 */
export function missingSeqs(transitions: readonly Line[], position: number): number[] {
  const records = transitions.map(({ record }) => record)
  const chains = [...new Set(records.map(({ attempt }) => attempt))].map((attempt) => {
    const own = records.filter((record) => record.attempt === attempt)
    const present = records.filter((record) => record.attempt === undefined || record.attempt === attempt)
    return { last: Math.max(...own.map(({ seq }) => seq)), present: new Set(present.map(({ seq }) => seq)) }
  })
  chains.push({ last: Math.max(0, position), present: new Set(records.map(({ seq }) => seq)) })
  const end = Math.max(...chains.map(({ last }) => last))
  const missing: number[] = []
  for (let seq = 0; seq <= end && missing.length < MAX_LISTED; seq += 1)
    if (chains.some(({ last, present }) => seq <= last && !present.has(seq))) missing.push(seq)
  return missing
}
