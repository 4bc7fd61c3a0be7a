/**
 * Two functions of AWS Lambda, called as Lambda would call them: one answers over HTTP and hands the work over, one
 * packs what comes out of the queue, and has what failed delivered again.
 *
 *   npx tsx examples/lambda.ts
 */
import type { APIGatewayProxyEventV2, APIGatewayProxyHandlerV2, Context, SQSHandler, SQSRecord } from 'aws-lambda'
import { currentRequest, currentTraceId } from 'throughline'
import { trackRecords, trackRequest } from 'throughline/lambda'

/** In the place of SQS; with the SDK it is `propagate(new SQSClient())` of throughline/sqs that hands over. */
const queue: { body: string; headers: Record<string, string> }[] = []

export const order: APIGatewayProxyHandlerV2 = trackRequest(
  async ({ body = '' }) => {
    await currentRequest()?.enqueue((headers) => queue.push({ body, headers }))
    return { statusCode: 202, body: 'in the queue\n' }
  },
  { service: 'gateway', authenticate: ({ headers }) => headers.authorization === 'Bearer ada' },
)

// ReportBatchItemFailures has to be set at the event source: what is named in the answer comes again, all else is deleted.
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

// What Lambda does: it has an event and a context for each invocation, and stops a function that takes too long.
const until = Date.now() + 3_000
// Of both no more is read than this.
const context = { functionName: 'shop', getRemainingTimeInMillis: () => until - Date.now() } as Context
const asked = { routeKey: 'POST /orders', rawPath: '/orders', requestContext: { http: { method: 'POST' } }, body: 'kettle' }
const call = (authorization?: string) => order({ ...asked, headers: { authorization } } as unknown as APIGatewayProxyEventV2, context, () => undefined)

console.log('a stranger:', await call())
console.log('ada:', await call('Bearer ada'))
for (const count of [1, 2]) {
  const Records = queue.map(({ body, headers }) => record(body, headers, count))
  console.log(`delivery ${String(count)}:`, await pack({ Records }, context, () => undefined))
}
console.log('\nThe lines above that carry one trace_id tell of both functions and both attempts.')

function record(body: string, headers: Record<string, string>, count: number): SQSRecord {
  const messageAttributes = Object.fromEntries(Object.entries(headers).map(([name, stringValue]) => [name, { dataType: 'String', stringValue }]))
  const attributes = { ApproximateReceiveCount: String(count), SentTimestamp: '0', SenderId: 'gateway', ApproximateFirstReceiveTimestamp: '0' }
  return { messageId: body, body, messageAttributes, attributes, eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:orders', receiptHandle: '', md5OfBody: '', awsRegion: '' }
}
