/**
 * Two functions of AWS Lambda, called as Lambda would call them: one answers over HTTP and hands the request off, the
 * other packs the orders from the queue and returns the failed ones for another delivery.
 *
 *   npx tsx examples/lambda.ts
 */
import type { APIGatewayProxyEventV2, APIGatewayProxyHandlerV2, Context, SQSHandler, SQSRecord } from 'aws-lambda'
import { currentRequest, currentTraceId } from 'throughline'
import { trackRecords, trackRequest } from 'throughline/lambda'

/** Stands in for SQS; with the SDK, use `propagate(new SQSClient())` of throughline/sqs. */
const queue: { body: string; headers: Record<string, string> }[] = []

export const order: APIGatewayProxyHandlerV2 = trackRequest(
  async ({ body = '' }) => {
    await currentRequest()?.enqueue((headers) => queue.push({ body, headers }))
    return { statusCode: 202, body: 'in the queue\n' }
  },
  { service: 'gateway', authenticate: ({ headers }) => headers.authorization === 'Bearer ada' },
)

// Set ReportBatchItemFailures on the event source: records named in the answer are delivered again, the others deleted.
let attempts = 0
export const pack: SQSHandler = trackRecords(
  async ({ body }) => {
    attempts += 1
    if (attempts === 1) throw new Error('the warehouse does not answer')
    await Promise.resolve()
    console.log(`packed one ${body} for trace ${currentTraceId()}`)
  },
  { service: 'worker', attempts: 3 },
)

// Lambda passes an event and a context to each invocation, and stops a function at its deadline.
const deadline = Date.now() + 3_000
// These are all the members that are read, of the context and of the event.
const context = { functionName: 'shop', getRemainingTimeInMillis: () => deadline - Date.now() } as Context
const event = {
  routeKey: 'POST /orders',
  rawPath: '/orders',
  requestContext: { http: { method: 'POST' } },
  body: 'kettle',
}
const call = (authorization?: string) =>
  order({ ...event, headers: { authorization } } as unknown as APIGatewayProxyEventV2, context, () => undefined)

console.log('no token:', await call())
console.log('ada:', await call('Bearer ada'))
for (const count of [1, 2]) {
  const Records = queue.map(({ body, headers }) => record(body, headers, count))
  console.log(`delivery ${String(count)}:`, await pack({ Records }, context, () => undefined))
}
console.log('\nThe lines above with the same trace_id cover both functions and both attempts.')

function record(body: string, headers: Record<string, string>, count: number): SQSRecord {
  const messageAttributes = Object.fromEntries(
    Object.entries(headers).map(([name, stringValue]) => [name, { dataType: 'String', stringValue }]),
  )
  const attributes = {
    ApproximateReceiveCount: String(count),
    SentTimestamp: '0',
    SenderId: 'gateway',
    ApproximateFirstReceiveTimestamp: '0',
  }
  return {
    messageId: body,
    body,
    messageAttributes,
    attributes,
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:orders',
    receiptHandle: '',
    md5OfBody: '',
    awsRegion: '',
  }
}
