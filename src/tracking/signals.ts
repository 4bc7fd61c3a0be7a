import { ThroughlineError } from '../errors.ts'
import { step, type Edge } from '../machine/table.ts'
import type { NoteRecord } from '../record/record.ts'
import { IMPLIED, type SignalFields } from './build-records.ts'
import type { Settings } from './settings.ts'

/**
 * How far a request's hand-off to a queue is: undefined before the first message is sent. While it is `sending`, no
 * signal is accepted.
 */
export type HandOffStatus = undefined | 'sending' | 'sent'

/** The members of a request that a signal uses. */
export interface SignalTarget {
  readonly state: string
  readonly since: number
  readonly entered: number
  readonly core: { readonly settings: Settings; readonly isIgnoring: boolean; onRejected(): void }
  readonly handOffStatus: HandOffStatus
  /** Takes a step at a time given in epoch milliseconds and by the monotonic clock. */
  takeStep(edge: Edge, fields: SignalFields, time: number, tick: number): void
  emitNote(lifecycle: NoteRecord['lifecycle'], event: string, fields: SignalFields): void
}

/**
 * Runs a signal of the user's. An error of ours is reported, and not thrown into the handler.
 *
 * @returns whether the state changed
 * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION, which `onInvalid: 'throw'` asks for
 */
export function guardSignal(request: SignalTarget, signal: () => boolean): boolean {
  try {
    return signal()
  } catch (error) {
    if (error instanceof ThroughlineError) throw error
    request.core.settings.errors.report(error)
    return false
  }
}

/** Whether the state of a request accepts an event. */
export function accepts(request: SignalTarget, event: string): boolean {
  return edgeOn(request, event) !== undefined
}

/**
 * Sends a signal: a transition where the state accepts it, a note where the machine does not know it, else rejected.
 *
 * @returns whether the state changed
 * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION where it is rejected and `onInvalid` is `'throw'`
 */
export function dispatch(request: SignalTarget, event: string, fields: SignalFields): boolean {
  const { table, throwInvalid, now, elapsed } = request.core.settings
  if (table.event[event] === undefined) {
    request.emitNote('note', event, fields)
    return false
  }
  const edge = request.handOffStatus === 'sending' ? undefined : edgeOn(request, event)
  if (edge === undefined) {
    request.core.onRejected()
    request.emitNote('rejected', event, fields)
    const reason = `${event} is not accepted in ${request.state}`
    if (throwInvalid) throw new ThroughlineError('THROUGHLINE_INVALID_TRANSITION', reason)
    return false
  }
  request.takeStep(edge, fields, now(), elapsed())
  return true
}

/**
 * Sends an adapter's own signal: a note where the state does not accept it.
 *
 * It ignores `onInvalid`: an error thrown into the host would replace the handler's own, or end the process.
 */
export function dispatchOrNote(request: SignalTarget, event: string, fields: SignalFields): void {
  if (accepts(request, event)) dispatch(request, event, fields)
  else request.emitNote('note', event, fields)
}

/**
 * Takes implied steps on those of the events that the state accepts, in their order, all at the same time.
 *
 * @param at by default the time of the last step
 */
export function implySteps(request: SignalTarget, events: readonly string[], at?: 'now'): void {
  const { now, elapsed } = request.core.settings
  const [time, tick] = at === 'now' ? [now(), elapsed()] : [request.since, request.entered]
  for (const event of events) {
    const edge = edgeOn(request, event)
    if (edge !== undefined) request.takeStep(edge, IMPLIED, time, tick)
  }
}

/** Takes the steps of a path, all at the present time: the last with these fields, the others implied. */
export function takeSteps(request: SignalTarget, path: readonly Edge[], fields: SignalFields): void {
  const { now, elapsed } = request.core.settings
  const [time, tick] = [now(), elapsed()]
  let stepsLeft = path.length
  for (const edge of path) request.takeStep(edge, --stepsLeft === 0 ? fields : IMPLIED, time, tick)
}

function edgeOn(request: SignalTarget, event: string): Edge | undefined {
  return step(request.core.settings.table, request.state, event)
}
