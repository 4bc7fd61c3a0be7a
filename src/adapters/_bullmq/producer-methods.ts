import { HEADERS } from '../../trace/carrier.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import {
  parseArgs,
  carriersIn,
  withCarrier,
  carries,
  jobsIn,
  mayBeReplaced,
  mayAlreadyExist,
  toOutgoing,
} from './jobs.ts'
import { withTelemetryOf } from './telemetry.ts'
import { isRecord, sendMessages, type HeadersFor } from '../_send.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'
import type { SendOptions } from '../_deliveries.ts'

type Fields = Readonly<Record<string, unknown>>
type Headers = Readonly<Record<string, string>>

const NO_PLACE =
  'a job was sent without its trace: its metadata for telemetry is no JSON object, and leaves no place for it'

/** The members of BullMQ's Queue and FlowProducer that are touched. */
export interface ProducerLike {
  /** A FlowProducer has none. */
  readonly name?: string
  readonly opts?: object
  readonly add: (...args: never[]) => unknown
  readonly addBulk: (...args: never[]) => unknown
  readonly getJob?: (...args: never[]) => unknown
}

/** `add` or `addBulk`, whose jobs carry the request in hand. */
export function send(producer: ProducerLike, key: 'add' | 'addBulk', options: SendOptions): MethodWrapper {
  return (original) =>
    (...args) => {
      const call = parseArgs(args)
      const carriers = carriersIn(call.jobs)
      let taken = false
      const sendWith = async (ours: HeadersFor): Promise<unknown> => {
        const headersFor = (job: Fields): Headers | undefined => ours(toOutgoing(job, producer.name))
        const headers = carriers.map(headersFor).find((some) => some !== undefined) ?? {}
        const sender = withTelemetryOf(producer, headers)
        const jobs = call.jobs.map((job) => withCarrier(job, headersFor, sender !== producer))
        const answer: unknown = await Reflect.apply(producer[key], sender, call.args(jobs))
        const sent = jobsIn(answer)
        const job = sent.find((one) => carries(one, headers))
        if (sent.length > 0 && job === undefined)
          currentRequest()?.emitNote('note', 'PROPAGATE', { error: new Error(NO_PLACE) })
        taken = job !== undefined && (!carriers.some(mayAlreadyExist) || (await wasAdded(producer, job, headers)))
        return answer
      }
      return sendMessages({
        messages: carriers.map((job) => toOutgoing(job, producer.name)),
        options: carriers.some(mayBeReplaced) ? { as: 'child' } : options,
        defaultAs: producer.name === undefined ? 'child' : 'hand-off',
        send: (ours) => (ours === undefined ? original(...args) : sendWith(ours)),
        accepted: () => taken,
      })
    }
}

/** Whether a job that hands a request over was kept: where the queue has one of its id already, that one stays. */
async function wasAdded(queue: ProducerLike, job: unknown, headers: Headers): Promise<boolean> {
  if (headers[HEADERS.lifecycle] === undefined || !isRecord(job) || queue.getJob === undefined) return true
  try {
    // One that is gone already, and is no job, was worked on.
    return carries(await Reflect.apply(queue.getJob, queue, [job.id]), headers)
  } catch {
    return true
  }
}
