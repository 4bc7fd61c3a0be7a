import { currentRequest } from '../../tracking/current-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { processBatch, runWithoutRequest, startDelivery, type Delivery } from '../_deliveries.ts'
import { isObject, type UnknownObject } from '../_objects.ts'
import { deliveriesOf, headersIn, type QueueOptions, type SystemAttributes } from '../_sqs/attributes.ts'

/** The members of an SQS record that are read. */
export interface SqsRecordLike {
  readonly messageId: string
  readonly eventSourceARN: string
  readonly body: string
  readonly attributes: SystemAttributes
  readonly messageAttributes: Readonly<
    Record<string, { readonly stringValue?: string | undefined; readonly binaryValue?: string | undefined }>
  >
}

/** A function's answer to a batch: the records that SQS delivers again. */
export interface BatchResponse {
  readonly batchItemFailures: { itemIdentifier: string }[]
}

/**
 * Returns the function that reads records as deliveries.
 *
 * @param carrier returns a record's headers
 */
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

/** The records of an SQS event; undefined for any other event. */
export function sqsRecords(event: unknown): readonly SqsRecordLike[] | undefined {
  const records: unknown = isObject(event) ? event.Records : undefined
  return Array.isArray(records) && records.length > 0 && records.every(isSqsRecord) ? records : undefined
}

function isSqsRecord(record: unknown): record is SqsRecordLike {
  return isObject(record) && record.eventSource === 'aws:sqs'
}

/**
 * Processes the records of an event with a handler that iterates over them itself: records that its answer names as
 * failed end with an error, the others as the handler does. There is no current request; each is attached to its
 * record.
 */
export async function processTogether<R>(
  core: RequestCore,
  records: readonly SqsRecordLike[],
  deliveryOf: (record: SqsRecordLike) => Delivery,
  work: () => R,
): Promise<Awaited<R>> {
  const active = records.map((record) => ({
    id: record.messageId,
    delivery: startDelivery(core, deliveryOf(record)),
  }))
  try {
    const answer = await runWithoutRequest(core, work)
    const failed = failedIn(answer)
    for (const { id, delivery } of active)
      delivery.end(failed.has(id) ? { outcome: 'error', error: new Error(NAMED_AS_FAILED) } : { outcome: 'ok' })
    return answer
  } catch (error) {
    for (const { delivery } of active) delivery.end({ outcome: 'error', error })
    throw error
  }
}

const NAMED_AS_FAILED = 'the answer names the record in batchItemFailures'

function failedIn(answer: unknown): ReadonlySet<unknown> {
  const failures: readonly unknown[] =
    isObject(answer) && Array.isArray(answer.batchItemFailures) ? answer.batchItemFailures : []
  return new Set(failures.map((failure) => (isObject(failure) ? failure.itemIdentifier : undefined)))
}

/** How {@link processEach} processes records. */
export interface RecordProcessing<R> {
  readonly deliveryOf: (record: R) => Delivery
  /** Whether all records are processed at once. */
  readonly concurrent: boolean
  /** Holds the requests that are being processed. */
  readonly active: Set<TrackedRequest | undefined>
  readonly work: (record: R) => unknown
}

/**
 * Processes records one after the other, or all at once, and returns those that SQS is to deliver again.
 *
 * The order of a FIFO queue is kept: after the first failure, the records that follow are returned unprocessed.
 */
export async function processEach<R extends SqsRecordLike>(
  core: RequestCore,
  records: readonly R[],
  { deliveryOf, concurrent, active, work }: RecordProcessing<R>,
): Promise<BatchResponse> {
  const succeeds = async (record: R): Promise<boolean> => {
    let request: TrackedRequest | undefined
    const run = (): unknown => {
      active.add((request = currentRequest()))
      return work(record)
    }
    return processBatch(core, [deliveryOf(record)], run)
      .then(
        () => true,
        () => false,
      )
      .finally(() => active.delete(request))
  }
  const isFifo = records.some((record) => queueOf(record).endsWith('.fifo'))
  const failed: R[] = []
  if (concurrent && !isFifo) {
    const results = await Promise.all(records.map(succeeds))
    failed.push(...records.filter((_, index) => results[index] === false))
  } else {
    for (const [index, record] of records.entries()) {
      if (await succeeds(record)) continue
      failed.push(...(isFifo ? records.slice(index) : [record]))
      if (isFifo) break
    }
  }
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}
