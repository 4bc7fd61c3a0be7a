import { pathToEvent } from '../machine/shortest-path.ts'
import type { Edge } from '../machine/table.ts'
import { isNumbered } from '../trace/call-id.ts'
import { HEADERS, inject, type TraceContext } from '../trace/carrier.ts'
import { IMPLIED, NO_FIELDS } from './build-records.ts'
import { takeSteps, type HandOffStatus, type SignalTarget } from './signals.ts'

/** The members of a request that a hand-off uses. */
export interface HandOffRequest extends SignalTarget {
  readonly requestId: string
  readonly seq: number
  readonly ended: boolean
  readonly attempt: number | undefined
  readonly calls: number
  readonly context: TraceContext
  handOffStatus: HandOffStatus
  /** What waits until the hand-off is settled. */
  onHandOffSettled: (() => void) | undefined
  headers(): Record<string, string>
  note(event: string, fields?: unknown): void
  release(): void
}

/** A message on its way to a broker: exactly one of `sent`, `failed` and `declined` has to be called. */
export interface HandOff {
  /** The `x-lifecycle` of a message that hands the request off; undefined for a child. */
  readonly lifecycle: string | undefined
  /** Returns what the message has to carry. Each child message needs its own, since it takes a number. */
  headers(): Record<string, string>
  /** The broker has the message. */
  sent(): void
  /** The broker was unreachable, or refused the message: the request is not Queued. */
  failed(error: unknown): void
  /** The queue sent no message, and rightly so (it throttled the call): the request is not Queued. */
  declined(): void
}

/**
 * Starts sending a message of a request. The first one hands the request off; later ones carry it as their parent.
 *
 * Until the hand-off is settled, the end of a response waits: how the request ends depends on whether it was queued.
 *
 * @param givenDue epoch milliseconds, or a Date, before which the broker does not deliver it
 * @param as `'child'` where it cannot be known whether the broker kept the message: it carries the request as its
 *   parent
 */
export function startHandOff(request: HandOffRequest, givenDue?: unknown, as?: 'child'): HandOff {
  const { errors } = request.core.settings
  const due = dueTime(request, givenDue)
  const prepared = as === 'child' ? undefined : errors.run(() => prepare(request, due))
  let sentCalls: [first: number, last: number] | undefined
  const settle = (note: () => void, sent = false): void => {
    if (prepared === undefined || !sent) errors.run(note)
    if (prepared !== undefined) errors.run(() => settleHandOff(request, sent ? prepared.edge : undefined, due))
  }
  return {
    lifecycle: prepared?.headers[HEADERS.lifecycle],
    headers() {
      if (prepared !== undefined) return prepared.headers
      const headers = request.headers()
      sentCalls = [sentCalls?.[0] ?? request.calls, request.calls]
      return headers
    },
    sent: () => settle(() => request.note('ENQUEUE', { child: true }), true),
    // Which numbers were not used: readers would otherwise take these messages for lost.
    failed: (error) => settle(() => request.emitNote('note', 'ENQUEUE', { error, data: numbered({}, sentCalls) })),
    declined: () => settle(() => request.note('ENQUEUE', numbered({ declined: true }, sentCalls))),
  }

  function numbered(data: object, calls: readonly number[] | undefined): object | undefined {
    if (calls !== undefined && isNumbered(request.requestId)) return { ...data, calls }
    return Object.keys(data).length === 0 ? undefined : data
  }
}

/** What `request.enqueue` takes beside the function that sends. */
export interface EnqueueOptions {
  /** When the broker is to deliver a delayed message, in epoch milliseconds. By default at once. */
  readonly due?: number | Date
}

/** Sends a message by a function of the user's, whose error is passed on. */
export async function handOffBy<T>(
  request: HandOffRequest,
  send: (headers: Record<string, string>) => T,
  { due }: EnqueueOptions,
): Promise<Awaited<T>> {
  const handOff = startHandOff(request, due)
  try {
    const sent = await send(handOff.headers())
    handOff.sent()
    return sent
  } catch (error) {
    handOff.failed(error)
    throw error
  }
}

/** The last time that JavaScript's Date has. */
const MAX_TIME = 8.64e15

/** Epoch milliseconds; what is no such time is reported, and would make the carrier unreadable. */
function dueTime(request: HandOffRequest, given: unknown): number | undefined {
  if (given === undefined) return undefined
  const due = given instanceof Date ? given.getTime() : given
  if (typeof due === 'number' && due >= 0 && due <= MAX_TIME) return Math.trunc(due)
  request.core.settings.errors.report(new TypeError('the due time of a message must be epoch milliseconds'))
  return undefined
}

/** When a delay that begins now is over, in epoch milliseconds; undefined without a delay, and for one without end. */
export function dueAfter({ core }: SignalTarget, delayMs: number | undefined): number | undefined {
  const due = delayMs !== undefined && delayMs > 0 ? Math.round(core.settings.now() + delayMs) : Infinity
  return due <= MAX_TIME ? due : undefined
}

/** Runs a part now or, while a message is being sent, once that is settled; of several parts only the first runs. */
export function whenHandOffSettled(request: HandOffRequest, part: () => void): void {
  if (request.handOffStatus !== 'sending') part()
  else request.onHandOffSettled ??= part
}

/** The headers of the message that hands a request off, and the step that is taken once the broker has it. */
interface PreparedHandOff {
  readonly headers: Record<string, string>
  readonly edge: Edge
}

/**
 * Takes implied steps up to the state that sends. The headers name the state that the request is about to enter.
 *
 * A request that is ignored is not handed off: the worker's lines would continue a request that has none.
 */
function prepare(request: HandOffRequest, due: number | undefined): PreparedHandOff | undefined {
  if (request.handOffStatus !== undefined || request.ended || request.core.isIgnoring) return undefined
  const { table, now } = request.core.settings
  const path = pathToEvent(table, request.state, 'ENQUEUE')
  const edge = path?.at(-1)
  if (path === undefined || edge === undefined) return undefined
  takeSteps(request, path.slice(0, -1), IMPLIED)
  const position = { requestId: request.requestId, state: edge.to, seq: request.seq + 1, since: now() }
  const headers = inject(request.context, due === undefined ? position : { ...position, due })
  request.handOffStatus = 'sending'
  return { headers, edge }
}

/** Takes the step if the message was sent, and runs what waited for that. */
function settleHandOff(request: HandOffRequest, edge: Edge | undefined, due: number | undefined): void {
  request.handOffStatus = edge === undefined ? undefined : 'sent'
  // The request must not be left waiting, even if its step fails.
  try {
    if (edge !== undefined) {
      takeSteps(request, [edge], due === undefined ? NO_FIELDS : { ...NO_FIELDS, due })
      request.release()
    }
  } finally {
    const waiting = request.onHandOffSettled
    request.onHandOffSettled = undefined
    waiting?.()
  }
}
