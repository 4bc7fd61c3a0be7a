import { currentRequest } from '../tracking/context.ts'
import { beginHandOff } from '../tracking/hand-off.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { Replacement } from './_overlay.ts'
import { canCarry, withCarrier } from './_pg-boss-data.ts'
import { sendCarrying } from './_queue.ts'

const send: Replacement = (original) => (first, ...args) => {
  const request = currentRequest()
  if (request === undefined) return original(first, ...args)
  if (!isRecord(first)) return carry(request, { name: first, data: args[0], options: args[1] }, (data) => original(first, data, ...args.slice(1)))
  return carry(request, first, (data) => original({ ...first, data }, ...args))
}

/** The methods of pg-boss that send, and carry the request in hand. */
export const SENDS: Readonly<Record<string, Replacement>> = {
  send,
  sendAfter: send,
  sendThrottled: send,
  sendDebounced: send,
  insert: (insert) => (jobs, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !Array.isArray(jobs) || jobs.length === 0) return insert(jobs, ...rest)
    const insertCarrying = (headers: Record<string, string>): unknown => insert(jobs.map((job: unknown) => carrying(job, headers)), ...rest)
    return sendCarrying(beginHandOff(request, 'child'), insertCarrying, () => true)
  },
  publish: (publish) => (event, data, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !canCarry(data)) return publish(event, data, ...rest)
    return sendCarrying(beginHandOff(request, 'child'), (headers) => publish(event, withCarrier(data, headers), ...rest), () => true)
  },
}

/** Sends one job; an answer without an id says that the queue took none (throttled, or there is no such queue). */
function carry(request: TrackedRequest, job: Readonly<Record<string, unknown>>, original: (data: unknown) => unknown): unknown {
  const { data } = job
  if (!canCarry(data)) return original(data)
  const transacted = isRecord(job.options) && job.options.db !== undefined
  const handOff = beginHandOff(request, transacted ? 'child' : undefined)
  return sendCarrying(handOff, (headers) => original(withCarrier(data, headers, job.name)), (id) => typeof id === 'string')
}

function carrying(job: unknown, headers: Record<string, string>): unknown {
  return isRecord(job) && canCarry(job.data) ? { ...job, data: withCarrier(job.data, headers) } : job
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
