import { currentRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { isRecord } from '../_send.ts'
import { startDelivery, processBatch, type Delivery } from '../_deliveries.ts'
import {
  deliveriesOf,
  headersIn,
  type UnknownObject,
  type QueueOptions,
  type SystemAttributes,
} from '../_sqs/attributes.ts'

/** The members of a record of SQS that are read. */
export interface SqsRecordLike {
  readonly messageId: string
  readonly eventSourceARN: string
  readonly body: string
  readonly attributes: SystemAttributes
  readonly messageAttributes: Readonly<
    Record<string, { readonly stringValue?: string | undefined; readonly binaryValue?: string | undefined }>
  >
}

/** What SQS is told of a batch: the records that it is to deliver again. */
export interface BatchResponse {
  readonly batchItemFailures: { itemIdentifier: string }[]
}

/** Reads the deliveries that records are; `carrier` tells where their headers are. */
export function recordDeliveries(
  core: RequestCore,
  options: QueueOptions,
  carrier: (record: SqsRecordLike) => UnknownObject | undefined = ({ messageAttributes }) =>
    headersIn(messageAttributes),
): (record: SqsRecordLike) => Delivery {
  const deliveryOf = deliveriesOf(options)
  return (record) => {
    const headers = core.settings.errors.run(() => carrier(record))
    return deliveryOf({ host: record, headers, system: record.attributes, queue: queueOf(record) })
  }
}

function queueOf({ eventSourceARN }: SqsRecordLike): string {
  return eventSourceARN.slice(eventSourceARN.lastIndexOf(':') + 1)
}

/** The records of an event of SQS; undefined for one of another kind. */
export function sqsRecords(event: unknown): readonly SqsRecordLike[] | undefined {
  const records: unknown = isRecord(event) ? event.Records : undefined
  return Array.isArray(records) && records.length > 0 && records.every(isSqsRecord) ? records : undefined
}

function isSqsRecord(record: unknown): record is SqsRecordLike {
  return isRecord(record) && record.eventSource === 'aws:sqs'
}

/**
 * Works on all records of an event at once, as a handler does that goes over them itself: those that its answer names
 * as failed end so, the others as the handler does. None is the request in hand, and each hangs on its record.
 */
export async function workOnAll<R>(
  core: RequestCore,
  records: readonly SqsRecordLike[],
  deliveryOf: (record: SqsRecordLike) => Delivery,
  work: () => R,
): Promise<Awaited<R>> {
  const underWay = records.map((record) => ({
    id: record.messageId,
    taken: startDelivery(core, deliveryOf(record)),
  }))
  core.beforeHandler()
  try {
    const answer = await runWith(undefined, work)
    const failed = failedIn(answer)
    for (const { id, taken } of underWay)
      taken.end(failed.has(id) ? { outcome: 'error', error: new Error(NAMED) } : { outcome: 'ok' })
    return answer
  } catch (error) {
    for (const { taken } of underWay) taken.end({ outcome: 'error', error })
    throw error
  }
}

const NAMED = 'the answer names the record among batchItemFailures'

function failedIn(answer: unknown): ReadonlySet<unknown> {
  const failures: readonly unknown[] =
    isRecord(answer) && Array.isArray(answer.batchItemFailures) ? answer.batchItemFailures : []
  return new Set(failures.map((failure) => (isRecord(failure) ? failure.itemIdentifier : undefined)))
}

/**
 * Works on records one after the other, or all at once, and tells which of them SQS is to deliver again.
 *
 * The order of a FIFO queue is kept: after the first that fails, those that follow are given back unseen.
 *
 * @param underWay holds the requests that are being worked on
 */
export async function workOnEach<R extends SqsRecordLike>(
  core: RequestCore,
  records: readonly R[],
  {
    deliveryOf,
    concurrent,
    underWay,
    work,
  }: {
    readonly deliveryOf: (record: R) => Delivery
    readonly concurrent: boolean
    readonly underWay: Set<TrackedRequest | undefined>
    readonly work: (record: R) => unknown
  },
): Promise<BatchResponse> {
  const succeeds = async (record: R): Promise<boolean> => {
    let request: TrackedRequest | undefined
    const begin = (): unknown => {
      underWay.add((request = currentRequest()))
      return work(record)
    }
    return processBatch(core, [deliveryOf(record)], begin)
      .then(
        () => true,
        () => false,
      )
      .finally(() => underWay.delete(request))
  }
  const isFifo = records.some((record) => queueOf(record).endsWith('.fifo'))
  const failed: R[] = []
  if (concurrent && !isFifo) {
    const ends = await Promise.all(records.map(succeeds))
    failed.push(...records.filter((_, index) => ends[index] === false))
  } else {
    for (const [index, record] of records.entries()) {
      if (await succeeds(record)) continue
      failed.push(...(isFifo ? records.slice(index) : [record]))
      if (isFifo) break
    }
  }
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}
