import type { History, Line } from './histories.ts'
import { hasState, isFinal, target, type Machine } from './machine.ts'
import type { LogRecord } from './record.ts'

/** A transition that no run of the machine writes. */
export interface InvalidLine {
  readonly line: Line
  readonly reason: string
}

/** The invalid transitions of a request, each with the first reason that applies. */
export function invalidSteps({ transitions, notes }: History, machine: Machine): InvalidLine[] {
  return transitions.flatMap((line) => {
    const reason = wrongByItself(line.record, machine) ?? wrongInSequence(line, transitions, notes, machine)
    return reason === undefined ? [] : [{ line, reason }]
  })
}

function wrongByItself({ seq, from, event, state }: LogRecord, machine: Machine): string | undefined {
  if (!hasState(machine, state)) return `the machine has no state "${state}"`
  if (seq === 0 && (from !== undefined || event !== undefined))
    return 'the first line of a request must not have from or event'
  if (seq === 0 && state !== machine.initial) return `a request begins in ${machine.initial}, not in ${state}`
  if (seq === 0) return undefined
  if (from === undefined || event === undefined) return `seq ${seq} must have from and event`
  if (!hasState(machine, from)) return `the machine has no state "${from}"`
  if (!machine.events.some(({ name }) => name === event)) return `the machine has no event "${event}"`
  const next = target(machine, from, event)
  if (next === state) return undefined
  if (next !== undefined) return `${event} leads from ${from} to ${next}, not to ${state}`
  return isFinal(machine, from) ? `${from} is final: nothing follows it` : `${from} does not accept ${event}`
}

function wrongInSequence(
  { record }: Line,
  transitions: readonly Line[],
  notes: readonly Line[],
  machine: Machine,
): string | undefined {
  const records = transitions.map((line) => line.record)
  const { seq, from = '', attempt, state } = record
  const first = records.find((other) => other.seq === seq && other.attempt === attempt)
  if (first !== undefined && first.state !== state) return `seq ${seq} appears twice: as ${first.state} and as ${state}`
  // The first line of an attempt follows the request before its hand-off.
  const before = records.filter((other) => other.seq === seq - 1)
  const own = before.filter((other) => other.attempt === attempt)
  const candidates = own.length > 0 ? own : before.filter((other) => other.attempt === undefined)
  const [previous] = candidates
  if (previous === undefined || candidates.some((other) => other.state === from)) return undefined
  // The sender did not hear that its message was accepted, and went on by itself, while a worker had the message.
  const isUnconfirmed = notes.some(
    ({ record: { event, error, state: sender } }) =>
      event === 'ENQUEUE' && error !== undefined && target(machine, sender, event) === from,
  )
  if (previous.attempt !== attempt && isUnconfirmed) return undefined
  return `seq ${seq - 1} entered ${previous.state}, and seq ${seq} starts from ${from}`
}
