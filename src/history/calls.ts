import { callFactOf, type CallFact, type Sender } from '../record/call-facts.ts'
import { attemptSlot, isNumbered, maxCalls, parseCallId } from '../trace/call-id.ts'
import { w3cTraceId } from '../trace/trace-id.ts'
import { requestIds, type RequestHistory, type RequestIds } from './history.ts'

/** How many calls a sender has reported. */
export interface SentCalls extends RequestIds {
  /** Undefined for a request that was not resumed. */
  readonly attempt: number | undefined
  readonly service: string
  /** The time of the line that counts them, in epoch milliseconds. */
  readonly time: number
  readonly sent: number
}

/**
 * Identifies the calls that share their numbers: those of a request before its hand-off, or those of an attempt and of
 * the eighth after it.
 *
 * @returns undefined if the fact is about no numbered call
 */
export function callGroupKey(fact: CallFact): string | undefined {
  if (fact.kind !== 'received') return isNumbered(fact.request_id) ? keyOf(fact.request_id, slotOf(fact)) : undefined
  const parsed = parseCallId(fact.parent_id)
  return parsed === undefined ? undefined : keyOf(parsed.requestId, parsed.slot)
}

function keyOf(requestId: string, slot: number | undefined): string {
  return `${requestId} ${slot === undefined ? '' : String(slot)}`
}

function slotOf({ attempt }: Sender): number | undefined {
  return attempt === undefined ? undefined : attemptSlot(attempt)
}

/** The same for all forms of a trace id, also for a service that logs the W3C trace-id of an id that is no UUID. */
export function traceKey(traceId: string): string {
  return w3cTraceId(traceId)
}

/** How many of the calls of a sender have a number. */
export function numberedCalls({
  attempt,
  sent,
}: {
  readonly attempt?: number | undefined
  readonly sent: number
}): number {
  return Math.min(sent, maxCalls(attempt))
}

const NO_SENDERS: readonly SentCalls[] = Object.freeze([])

/**
 * Calls that share their numbers: what their senders say of them, and which of them began a request.
 *
 * An audit keeps up to a million of these, most of which have one number and no sender.
 */
export class CallGroup {
  #senders = NO_SENDERS
  /** One number, or several; 0 for none. */
  #numbers: number | number[] = 0

  /** The senders that have reported calls: one, or several attempts with the same numbers. */
  get senders(): readonly SentCalls[] {
    return this.#senders
  }

  add(fact: CallFact): void {
    if (fact.kind === 'received') this.#addNumber(parseCallId(fact.parent_id)?.call ?? 0)
    else if (fact.kind === 'unsent') this.#addUnsent(fact.first, fact.last)
    else this.#addSender(fact)
  }

  /** The numbers of the calls of a sender that began no request. */
  missing(sender: { readonly attempt?: number | undefined; readonly sent: number }): number[] {
    const last = numberedCalls(sender)
    const missing: number[] = []
    for (let call = 1; call <= last; call += 1) if (!this.#has(call)) missing.push(call)
    return missing
  }

  /** Whether all calls that were reported are known to have arrived. */
  get complete(): boolean {
    return this.#senders.length > 0 && this.#senders.every((sender) => this.missing(sender).length === 0)
  }

  #has(call: number): boolean {
    return typeof this.#numbers === 'number' ? this.#numbers === call : this.#numbers.includes(call)
  }

  #addNumber(call: number): void {
    if (this.#has(call)) return
    if (this.#numbers === 0) this.#numbers = call
    else if (typeof this.#numbers === 'number') this.#numbers = [this.#numbers, call]
    else this.#numbers.push(call)
  }

  #addUnsent(first: number, last: number): void {
    for (let call = Math.max(1, first); call <= Math.min(last, maxCalls(undefined)); call += 1) this.#addNumber(call)
  }

  /** Of several lines of one sender, such as that of its hand-off and its last one, the highest number counts. */
  #addSender({ trace_id, request_id, attempt, service, time, calls }: SentFact): void {
    const known = this.#senders.find((sender) => sender.attempt === attempt)
    if (known !== undefined && (known.sent > calls || (known.sent === calls && known.time <= time))) return
    const sender = { ...requestIds(trace_id, request_id), attempt, service, time, sent: calls }
    this.#senders = [...this.#senders.filter((other) => other !== known), sender]
  }
}

type SentFact = Extract<CallFact, { kind: 'sent' }>

/** Groups facts of one trace by sender. */
export function groupCalls(facts: Iterable<CallFact>): ReadonlyMap<string, CallGroup> {
  const groups = new Map<string, CallGroup>()
  for (const fact of facts) {
    const key = callGroupKey(fact)
    if (key === undefined) continue
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = new CallGroup()))
    group.add(fact)
  }
  return groups
}

/** The facts about calls in the histories of one trace. */
export function callFactsIn(histories: Iterable<RequestHistory>): CallFact[] {
  return [...histories].flatMap(({ transitions, notes }) =>
    [...transitions, ...notes].flatMap(({ record }) => callFactOf(record) ?? []),
  )
}
