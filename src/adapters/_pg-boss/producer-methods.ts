import { canCarry, withCarrier } from './data.ts'
import { isObject, type UnknownObject } from '../_objects.ts'
import { type SendOptions } from '../_send-options.ts'
import { confirmByResult, sendMessage, sendMessages, type OutgoingMessage } from '../_send.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

type Headers = Readonly<Record<string, string>>

/** The methods of pg-boss that send jobs. */
export function producerMethods({ as = 'hand-off' }: SendOptions): Readonly<Record<string, MethodWrapper>> {
  const send =
    (holdsBack?: true): MethodWrapper =>
    (original) =>
    (first, ...args) => {
      const unchanged = (): unknown => original(first, ...args)
      if (isObject(first)) return sendJob(as, first, unchanged, (data) => original({ ...first, data }, ...args))
      const [data, options, after] = args
      const sendData = (carried: unknown): unknown => original(first, carried, ...args.slice(1))
      return sendJob(as, { name: first, data, options }, unchanged, sendData, holdsBack === true ? after : undefined)
    }
  // A debounced job may be held back for as many seconds as the interval has.
  return {
    ...{ send: send(), sendAfter: send(true), sendThrottled: send(), sendDebounced: send(true) },
    ...{ insert, publish, flow, update: replace, upsert: replace },
  }
}

/**
 * Sends one job. pg-boss answers without an id if it added none: it throttled the call, or the queue does not exist.
 */
function sendJob(
  as: NonNullable<SendOptions['as']>,
  { name, data, options }: UnknownObject,
  unchanged: () => unknown,
  sendData: (data: unknown) => unknown,
  startAfter = isObject(options) ? options.startAfter : undefined,
): unknown {
  if (!canCarry(data)) return unchanged()
  const inTransaction = isObject(options) && options.db !== undefined
  return sendMessage({
    message: { ...messageTo(name), delayMs: delayOf(startAfter) },
    as: inTransaction ? 'child' : as,
    send: (headers) => (headers === undefined ? unchanged() : sendData(withCarrier(data, headers, name))),
    confirm: confirmByResult((id) => typeof id === 'string'),
  })
}

/** Before version 11 each job names its queue, and there is no argument for it. */
const insert: MethodWrapper =
  (original) =>
  (first, ...rest) => {
    if (Array.isArray(first)) return sendJobs(first, undefined, (jobs) => original(jobs, ...rest))
    const [jobs, ...more] = rest
    return sendJobs(jobs, first, (carried) => original(first, carried, ...more))
  }

/** Jobs of which some wait for others, from version 12 on. */
const flow: MethodWrapper =
  (original) =>
  (jobs, ...rest) =>
    sendJobs(jobs, undefined, (carried) => original(carried, ...rest))

/** Adds several jobs, to the given queue or each to its own. */
function sendJobs(jobs: unknown, queue: unknown, send: (jobs: unknown) => unknown): unknown {
  // pg-boss reports such arguments itself.
  if (!Array.isArray(jobs)) return send(jobs)
  const messages = jobs.map((job: unknown) => ({
    job,
    message: messageTo(queue ?? (isObject(job) ? job.name : undefined)),
  }))
  return sendMessages({
    messages: messages.map(({ message }) => message),
    as: 'child',
    send: (headersFor) => {
      if (headersFor === undefined) return send(jobs)
      return send(messages.map(({ job, message }) => withHeaders(job, headersFor(message))))
    },
    confirm: confirmByResult(),
  })
}

/**
 * `update` and `upsert`, from version 12 on: they replace the data of jobs that were sent before, and with it the carrier.
 * Such a job could be replaced again, so it never hands a request off.
 */
const replace: MethodWrapper =
  (original) =>
  (first, ...args) => {
    const inOne = isObject(first) ? first : undefined
    const data = inOne === undefined ? args[0] : inOne.data
    // Without data only the options change.
    if (data === undefined || !canCarry(data)) return original(first, ...args)
    const sendData = (carried: unknown): unknown =>
      inOne === undefined ? original(first, carried, ...args.slice(1)) : original({ ...inOne, data: carried }, ...args)
    return sendMessage({
      message: messageTo(inOne === undefined ? first : inOne.name),
      as: 'child',
      send: (headers) => sendData(headers === undefined ? data : withCarrier(data, headers)),
      confirm: confirmByResult((answer) => !isObject(answer) || !Array.isArray(answer.jobs) || answer.jobs.length > 0),
    })
  }

const publish: MethodWrapper =
  (original) =>
  (event, data, ...rest) => {
    if (!canCarry(data)) return original(event, data, ...rest)
    return sendMessage({
      message: messageTo(event),
      as: 'child',
      send: (headers) => original(event, headers === undefined ? data : withCarrier(data, headers), ...rest),
      confirm: confirmByResult(),
    })
  }

function withHeaders(job: unknown, headers: Headers | undefined): unknown {
  if (headers === undefined || !isObject(job) || !canCarry(job.data)) return job
  return { ...job, data: withCarrier(job.data, headers) }
}

/** Milliseconds until a `startAfter`: seconds, a Date, or a time as text; of an interval of PostgreSQL's it is unknown. */
function delayOf(startAfter: unknown): number | undefined {
  if (startAfter instanceof Date) return startAfter.getTime() - Date.now()
  const isTime = typeof startAfter === 'string' && startAfter.endsWith('Z')
  return isTime ? Date.parse(startAfter) - Date.now() : Number(startAfter ?? 0) * 1_000
}

/** A job has no headers of its caller's, and room for ours. */
function messageTo(queue: unknown): OutgoingMessage {
  return { to: String(queue), own: undefined, headerSlots: Infinity }
}
