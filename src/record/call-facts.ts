import type { LifecycleRecord } from './record.ts'

/** Who sent calls: a request, or one attempt of it. */
export interface Sender {
  readonly request_id: string
  /** Undefined for a request that was not resumed. */
  readonly attempt?: number | undefined
}

/** What a record says about calls between services. */
export type CallFact =
  /** A call has begun a request. */
  | { readonly kind: 'received'; readonly trace_id: string; readonly parent_id: string }
  /** So many calls were sent up to this time. */
  | ({
      readonly kind: 'sent'
      readonly trace_id: string
      readonly service: string
      readonly time: number
      readonly calls: number
    } & Sender)
  /** The messages with these numbers were not sent: the broker refused them. */
  | ({ readonly kind: 'unsent'; readonly trace_id: string; readonly first: number; readonly last: number } & Sender)

/** What a record says about calls; most records say nothing. */
export function callFactOf(record: LifecycleRecord): CallFact | undefined {
  const { trace_id, request_id, attempt, service, time } = record
  if (record.lifecycle === 'transition') {
    const { parent_id, calls } = record
    if (parent_id !== undefined && record.seq === 0) return { kind: 'received', trace_id, parent_id }
    return calls === undefined ? undefined : { kind: 'sent', trace_id, request_id, attempt, service, time, calls }
  }
  const unsent = record.event === 'ENQUEUE' ? unsentCalls(record.data) : undefined
  return unsent === undefined
    ? undefined
    : { kind: 'unsent', trace_id, request_id, attempt, first: unsent[0], last: unsent[1] }
}

/** Adds what a record says about calls, if anything. */
export function addCallFact(facts: CallFact[], record: LifecycleRecord): void {
  const fact = callFactOf(record)
  if (fact !== undefined) facts.push(fact)
}

/** The first and the last number in the data of a note. */
function unsentCalls(data: unknown): readonly [first: number, last: number] | undefined {
  if (typeof data !== 'object' || data === null || !('calls' in data) || !Array.isArray(data.calls)) return undefined
  const [first, last] = data.calls as readonly unknown[]
  return Number.isSafeInteger(first) && Number.isSafeInteger(last) ? [Number(first), Number(last)] : undefined
}
