import { currentRequest } from '../../tracking/current-request.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'
import { type SendOptions } from '../_send-options.ts'
import { confirmByResult, sendMessages } from '../_send.ts'
import { TRACE_HEADER_NAMES } from '../_trace-headers.ts'
import { isFunction } from '../_wrap-methods.ts'
import { withCarrier, toOutgoing, type SystemAttributes } from './attributes.ts'

type Call = (input: unknown, ...rest: unknown[]) => unknown

/** An operation that sends: its input is one message, or has several as `entries`. */
interface SendingOperation {
  /** The member of the input that holds the address of the queue or topic. */
  readonly to: 'QueueUrl' | 'TopicArn'
  readonly entries?: string
}

/** The operations of SQS and SNS that send, by their names in the service's model. */
const SENDING: ReadonlyMap<unknown, SendingOperation> = new Map<unknown, SendingOperation>([
  ['SendMessage', { to: 'QueueUrl' }],
  ['SendMessageBatch', { to: 'QueueUrl', entries: 'Entries' }],
  ['Publish', { to: 'TopicArn' }],
  ['PublishBatch', { to: 'TopicArn', entries: 'PublishBatchRequestEntries' }],
])
const RECEIVING = 'ReceiveMessage'

const NO_ROOM = 'a message was sent without its trace: its own attributes leave no room'

/** The operations whose input is changed. */
export const OPERATIONS: readonly string[] = [...SENDING.keys(), RECEIVING].map(String)

/** The operation of a command: from its schema, since a bundler may rename classes; older SDKs have only the class. */
export function operationOf({ schema, constructor }: UnknownObject): unknown {
  return Array.isArray(schema)
    ? schema[2]
    : typeof constructor === 'function'
      ? constructor.name.replace(/Command$/, '')
      : undefined
}

/**
 * Calls an operation with trace headers in its input.
 *
 * @param rest the arguments after the input
 */
export function operate(
  options: SendOptions,
  operation: unknown,
  input: unknown,
  rest: readonly unknown[],
  call: Call,
): unknown {
  const sending = SENDING.get(operation)
  if (!isObject(input) || (sending === undefined && operation !== RECEIVING)) return call(input, ...rest)
  if (sending === undefined) return call(withTraceAttributes(input), ...rest)
  const callback = rest.at(-1)
  if (!isFunction(callback) || currentRequest() === undefined)
    return sendEntries(options, sending, input, (carried) => call(carried, ...rest))
  const answer = sendEntries(options, sending, input, (carried) => call(carried, ...rest.slice(0, -1)))
  // Like the SDK, which loses what a callback throws.
  void Promise.resolve(answer)
    .then((data) => callback(null, data), callback)
    .catch(() => undefined)
  return undefined
}

function sendEntries(
  options: SendOptions,
  { to, entries }: SendingOperation,
  input: UnknownObject,
  call: Call,
): unknown {
  const address = input[to]
  const list = entries === undefined ? [input] : input[entries]
  // Input that the SDK or the service rejects, or a text message to a phone.
  if (typeof address !== 'string' || !areEntries(list)) return call(input)
  return sendMessages<unknown>({
    messages: list.map((entry) => toOutgoing(address, entry)),
    // A topic may have many subscribers.
    as: to === 'TopicArn' ? 'child' : (options.as ?? 'hand-off'),
    send: (headersFor) => {
      if (headersFor === undefined) return call(input)
      const carried = list.map((entry) => withCarrier(address, entry, headersFor))
      return call(entries === undefined ? carried[0] : withProperty(input, entries, carried))
    },
    confirm: confirmByResult(
      (answer) => !(isObject(answer) && Array.isArray(answer.Failed) && answer.Failed.length >= list.length),
    ),
    noRoom: NO_ROOM,
  })
}

function areEntries(list: unknown): list is readonly UnknownObject[] {
  return Array.isArray(list) && list.every(isObject)
}

const RECEIVE_COUNT: keyof SystemAttributes = 'ApproximateReceiveCount'
const SOURCE_QUEUE: keyof SystemAttributes = 'DeadLetterQueueSourceArn'

/** The input of a receiving call, which also asks for the trace attributes: SQS returns only those asked for. */
function withTraceAttributes(input: UnknownObject): UnknownObject {
  const MessageAttributeNames = addNames(input.MessageAttributeNames, TRACE_HEADER_NAMES)
  // The deprecated list counts where it is used alone; it is not documented to accept DeadLetterQueueSourceArn.
  const isDeprecated = input.AttributeNames !== undefined && input.MessageSystemAttributeNames === undefined
  if (isDeprecated)
    return { ...input, MessageAttributeNames, AttributeNames: addNames(input.AttributeNames, [RECEIVE_COUNT]) }
  return {
    ...input,
    MessageAttributeNames,
    MessageSystemAttributeNames: addNames(input.MessageSystemAttributeNames, [RECEIVE_COUNT, SOURCE_QUEUE]),
  }
}

function addNames(value: unknown, added: readonly string[]): readonly unknown[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : []
  return names.includes('All') || names.includes('.*') ? names : [...new Set([...names, ...added])]
}
