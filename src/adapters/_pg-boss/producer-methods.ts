import { currentRequest } from '../../tracking/current-request.ts'
import { startHandOff } from '../../tracking/hand-off.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { isRecord, resolveSendAs } from '../_send.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'
import { canCarry, withCarrier } from './data.ts'
import { sendWithHandOff, type SendOptions } from '../_deliveries.ts'

/** The methods of pg-boss that send, and carry the request in hand. */
export function producerMethods({ as = 'hand-off' }: SendOptions): Readonly<Record<string, MethodWrapper>> {
  const send: MethodWrapper =
    (original) =>
    (first, ...args) => {
      const request = currentRequest()
      if (request === undefined) return original(first, ...args)
      if (!isRecord(first))
        return carry(request, as, { name: first, data: args[0], options: args[1] }, (data) =>
          original(first, data, ...args.slice(1)),
        )
      return carry(request, as, first, (data) => original({ ...first, data }, ...args))
    }
  return { send, sendAfter: send, sendThrottled: send, sendDebounced: send, insert, publish }
}

const insert: MethodWrapper =
  (original) =>
  (jobs, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !Array.isArray(jobs) || jobs.length === 0) return original(jobs, ...rest)
    const insertCarrying = (headers: Record<string, string>): unknown =>
      original(
        jobs.map((job: unknown) => carrying(job, headers)),
        ...rest,
      )
    return sendWithHandOff(startHandOff(request, 'child'), insertCarrying, () => true)
  }

const publish: MethodWrapper =
  (original) =>
  (event, data, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !canCarry(data)) return original(event, data, ...rest)
    return sendWithHandOff(
      startHandOff(request, 'child'),
      (headers) => original(event, withCarrier(data, headers), ...rest),
      () => true,
    )
  }

/** Sends one job; an answer without an id says that the queue took none (throttled, or there is no such queue). */
function carry(
  request: TrackedRequest,
  as: NonNullable<SendOptions['as']>,
  job: Readonly<Record<string, unknown>>,
  original: (data: unknown) => unknown,
): unknown {
  const { data, name } = job
  if (!canCarry(data)) return original(data)
  const transacted = isRecord(job.options) && job.options.db !== undefined
  const child = transacted || resolveSendAs(request, as, String(name)) === 'child'
  const handOff = startHandOff(request, child ? 'child' : undefined)
  return sendWithHandOff(
    handOff,
    (headers) => original(withCarrier(data, headers, name)),
    (id) => typeof id === 'string',
  )
}

function carrying(job: unknown, headers: Record<string, string>): unknown {
  return isRecord(job) && canCarry(job.data) ? { ...job, data: withCarrier(job.data, headers) } : job
}
