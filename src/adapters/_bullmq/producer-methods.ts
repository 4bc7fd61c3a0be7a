import { HEADERS } from '../../trace/carrier.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import {
  parseArgs,
  carriersIn,
  withCarrier,
  carries,
  hasMetadata,
  jobsIn,
  mayBeReplaced,
  mayAlreadyExist,
  toOutgoing,
} from './jobs.ts'
import { hasTelemetry, withTracedTelemetry } from './telemetry.ts'
import { isObject, type UnknownObject } from '../_objects.ts'
import { type SendOptions } from '../_send-options.ts'
import { confirmByResult, sendMessages, type HeadersFor } from '../_send.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

type Headers = Readonly<Record<string, string>>

const NO_ROOM = 'a job was sent without its trace: its telemetry metadata is not a JSON object'

/** The members of BullMQ's Queue and FlowProducer that are used. */
export interface ProducerLike {
  /** Undefined for a FlowProducer. */
  readonly name?: string
  readonly opts?: object
  readonly add: (...args: never[]) => unknown
  readonly addBulk: (...args: never[]) => unknown
  readonly getJob?: (...args: never[]) => unknown
}

/** Wraps `add` or `addBulk`: its jobs carry the trace of the current request. */
export function addMethod(producer: ProducerLike, key: 'add' | 'addBulk', options: SendOptions): MethodWrapper {
  return (original) =>
    (...args) => {
      const call = parseArgs(args)
      const carriers = carriersIn(call.jobs)
      let accepted = false
      const add = async (headersFor: HeadersFor): Promise<unknown> => {
        const jobHeaders = headersByJob(producer, carriers, headersFor)
        const all = [...new Set([...jobHeaders.values()].flat())]
        const sender = withTracedTelemetry(producer, all[0] ?? {})
        const jobs = call.jobs.map((job) =>
          withCarrier(job, (one) => jobHeaders.get(one)?.shift(), sender !== producer),
        )
        const answer: unknown = await Reflect.apply(producer[key], sender, call.args(jobs))
        const added = jobsIn(answer)
        const headers = all.find((each) => added.some((one) => carries(one, each))) ?? all[0] ?? {}
        const job = added.find((one) => carries(one, headers))
        if (added.length > 0 && job === undefined)
          currentRequest()?.emitNote('note', 'PROPAGATE', { error: new Error(NO_ROOM) })
        accepted = job !== undefined && (!carriers.some(mayAlreadyExist) || (await wasAdded(producer, job, headers)))
        return answer
      }
      return sendMessages({
        messages: carriers.map((job) => toOutgoing(job, producer.name)),
        as: carriers.some(mayBeReplaced)
          ? 'child'
          : (options.as ?? (producer.name === undefined ? 'child' : 'hand-off')),
        send: (headersFor) => (headersFor === undefined ? original(...args) : add(headersFor)),
        confirm: confirmByResult(() => accepted),
      })
    }
}

/**
 * The headers of each job; those of a job that is added twice are two. Jobs without metadata of their own share the
 * first headers if the producer has telemetry, which writes the metadata of jobs without knowing them.
 */
function headersByJob(
  producer: ProducerLike,
  jobs: readonly UnknownObject[],
  headersFor: HeadersFor,
): ReadonlyMap<UnknownObject, Headers[]> {
  const byJob = new Map<UnknownObject, Headers[]>()
  const isTraced = hasTelemetry(producer)
  let shared: Headers | undefined
  for (const job of jobs) {
    const isShared = isTraced && !hasMetadata(job)
    const headers = (isShared ? shared : undefined) ?? headersFor(toOutgoing(job, producer.name))
    if (isShared) shared ??= headers
    if (headers !== undefined) byJob.set(job, [...(byJob.get(job) ?? []), headers])
  }
  return byJob
}

/** Whether a job that hands a request off was added: if the queue already has a job of that id, it keeps that one. */
async function wasAdded(queue: ProducerLike, job: unknown, headers: Headers): Promise<boolean> {
  if (headers[HEADERS.lifecycle] === undefined || !isObject(job) || queue.getJob === undefined) return true
  try {
    // If it is no longer there, it was added and processed.
    return carries(await Reflect.apply(queue.getJob, queue, [job.id]), headers)
  } catch {
    return true
  }
}
