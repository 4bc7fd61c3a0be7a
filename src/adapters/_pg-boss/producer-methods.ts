import { currentRequest } from '../../tracking/current-request.ts'
import { beginHandOff } from '../../tracking/hand-off.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { isRecord, sentAs } from '../_send.ts'
import type { Replacement } from '../_wrap-methods.ts'
import { canCarry, withCarrier } from './data.ts'
import { sendCarrying, type SendOptions } from '../_deliveries.ts'

/** The methods of pg-boss that send, and carry the request in hand. */
export function sends({ as = 'hand-off' }: SendOptions): Readonly<Record<string, Replacement>> {
  const send: Replacement = (original) => (first, ...args) => {
    const request = currentRequest()
    if (request === undefined) return original(first, ...args)
    if (!isRecord(first)) return carry(request, as, { name: first, data: args[0], options: args[1] }, (data) => original(first, data, ...args.slice(1)))
    return carry(request, as, first, (data) => original({ ...first, data }, ...args))
  }
  return { send, sendAfter: send, sendThrottled: send, sendDebounced: send, insert, publish }
}

const insert: Replacement = (original) => (jobs, ...rest) => {
  const request = currentRequest()
  if (request === undefined || !Array.isArray(jobs) || jobs.length === 0) return original(jobs, ...rest)
  const insertCarrying = (headers: Record<string, string>): unknown => original(jobs.map((job: unknown) => carrying(job, headers)), ...rest)
  return sendCarrying(beginHandOff(request, 'child'), insertCarrying, () => true)
}

const publish: Replacement = (original) => (event, data, ...rest) => {
  const request = currentRequest()
  if (request === undefined || !canCarry(data)) return original(event, data, ...rest)
  return sendCarrying(beginHandOff(request, 'child'), (headers) => original(event, withCarrier(data, headers), ...rest), () => true)
}

/** Sends one job; an answer without an id says that the queue took none (throttled, or there is no such queue). */
function carry(request: TrackedRequest, as: NonNullable<SendOptions['as']>, job: Readonly<Record<string, unknown>>, original: (data: unknown) => unknown): unknown {
  const { data, name } = job
  if (!canCarry(data)) return original(data)
  const transacted = isRecord(job.options) && job.options.db !== undefined
  const child = transacted || sentAs(request, as, String(name)) === 'child'
  const handOff = beginHandOff(request, child ? 'child' : undefined)
  return sendCarrying(handOff, (headers) => original(withCarrier(data, headers, name)), (id) => typeof id === 'string')
}

function carrying(job: unknown, headers: Record<string, string>): unknown {
  return isRecord(job) && canCarry(job.data) ? { ...job, data: withCarrier(job.data, headers) } : job
}
