import { currentRequest } from '../tracking/current-request.ts'
import { dueAfter, startHandOff, type HandOff } from '../tracking/hand-off.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { hasCarrierToKeep, MessageCalls, type HeadersFor, type OutgoingMessage } from './_message-calls.ts'
import type { SendAs, SendOptions } from './_send-options.ts'
import type { AnyFunction } from './_wrap-methods.ts'

export type { HeadersFor, OutgoingMessage } from './_message-calls.ts'

/**
 * Sends, and settles the hand-off as the broker answers.
 *
 * @param send sends the messages; a host that confirms by callback passes its own in place of the caller's
 */
export type Confirm<T> = (handOff: HandOff, send: (callback?: AnyFunction) => T) => T | Promise<Awaited<T>>

/** One call of a host, and all messages that it sends. */
export interface SendCall<T> {
  readonly messages: readonly OutgoingMessage[]
  /** `'call'` for a message whose sender waits for an answer: it carries the trace, and no `ENQUEUE` is recorded. */
  readonly as: NonNullable<SendOptions['as']> | 'call'
  /** Sends the messages with these headers; without `headersFor`, sends exactly what the caller passed. */
  readonly send: (headersFor?: HeadersFor, callback?: AnyFunction) => T
  readonly confirm: Confirm<T>
  /** The error of the note for a message that has no room for its trace. */
  readonly noRoom?: string
}

/** A call that sends one message. */
export interface SendMessageCall<T> extends Omit<SendCall<T>, 'messages' | 'send'> {
  readonly message: OutgoingMessage
  readonly send: (headers?: Readonly<Record<string, string>>, callback?: AnyFunction) => T
}

/**
 * Sends the messages of one call of a host with the trace of the current request: a single message may hand the request
 * off; several have it as their parent.
 *
 * Sent unchanged are messages outside a request, messages whose carrier is the caller's own, and messages without room
 * for a header; for the last, a note `PROPAGATE` is recorded.
 */
export function sendMessages<T>(call: SendCall<T>): T | Promise<Awaited<T>> {
  const request = currentRequest()
  const sending = request?.core.settings.errors.run(() => prepare(request, call))
  return sending === undefined ? call.send() : sending()
}

/** Returns the function that sends: an error of ours comes before anything is sent. */
function prepare<T>(
  request: TrackedRequest,
  { messages, as, send, confirm, noRoom }: SendCall<T>,
): (() => T | Promise<Awaited<T>>) | undefined {
  const open = messages.filter(({ own }) => !hasCarrierToKeep(request, own))
  if (open.some(({ headerSlots }) => headerSlots < 1))
    request.emitNote('note', 'PROPAGATE', { error: new Error(noRoom) })
  if (!open.some(({ headerSlots }) => headerSlots > 0)) return undefined
  const calls = new MessageCalls(request)
  if (as === 'call') return () => calls.watch(() => send(calls.headersFrom(() => request.headers())))
  const [first] = messages
  // A hand-off takes two headers: one that names the trace, and one that names the request.
  const handsOff =
    messages.length === 1 &&
    first !== undefined &&
    first.headerSlots > 1 &&
    resolveSendAs(request, as, first.to) === 'hand-off'
  const handOff = startHandOff(request, dueAfter(request, first?.delayMs), handsOff ? undefined : 'child')
  const headersFor = calls.headersFrom(() => handOff.headers(), handOff.lifecycle)
  const watched = calls.watchConfirm(handOff)
  return () => confirm(watched, (callback) => send(headersFor, callback))
}

/**
 * {@link sendMessages} for a call that sends one message; `send` gets its trace headers, or none to send it unchanged.
 */
export function sendMessage<T>({ message, send, ...call }: SendMessageCall<T>): T | Promise<Awaited<T>> {
  return sendMessages({
    ...call,
    messages: [message],
    send: (headersFor, callback) => send(headersFor?.(message), callback),
  })
}

/**
 * Confirms by the result of the call: the broker has the messages once the promise has resolved.
 *
 * @param accepted whether the broker kept the messages, by its answer
 */
export function confirmByResult<T>(accepted: (answer: Awaited<T>) => boolean = () => true): Confirm<T> {
  return async (handOff, send): Promise<Awaited<T>> => {
    let answer: Awaited<T>
    try {
      answer = await send()
    } catch (error) {
      handOff.failed(error)
      throw error
    }
    if (accepted(answer)) handOff.sent()
    else handOff.declined()
    return answer
  }
}

/** If the user's function throws, the message is a child. */
function resolveSendAs(request: TrackedRequest, as: NonNullable<SendOptions['as']>, to: string): SendAs {
  if (typeof as === 'string') return as
  try {
    return as(to)
  } catch (error) {
    request.emitNote('note', 'PROPAGATE', { error })
    return 'child'
  }
}
