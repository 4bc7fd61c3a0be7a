import { currentRequest } from '../../tracking/current-request.ts'
import { withProperty, isRecord, TRACE_HEADER_NAMES, sendMessages } from '../_send.ts'
import { isFunction } from '../_wrap-methods.ts'
import type { SendOptions } from '../_deliveries.ts'
import { withCarrier, toOutgoing, type UnknownObject, type SystemAttributes } from './attributes.ts'

type Call = (input: unknown, ...rest: unknown[]) => unknown

/** What a call sends: its input itself, or the entries that stand in it, to the queue or topic of an address. */
interface SendingCall {
  readonly to: 'QueueUrl' | 'TopicArn'
  readonly entries?: string
}

/** The operations of SQS and SNS that send, by the names that their services know them by. */
const SENDING: ReadonlyMap<unknown, SendingCall> = new Map<unknown, SendingCall>([
  ['SendMessage', { to: 'QueueUrl' }],
  ['SendMessageBatch', { to: 'QueueUrl', entries: 'Entries' }],
  ['Publish', { to: 'TopicArn' }],
  ['PublishBatch', { to: 'TopicArn', entries: 'PublishBatchRequestEntries' }],
])
const RECEIVING = 'ReceiveMessage'

/** The operations that are more than passed on. */
export const OPERATIONS: readonly string[] = [...SENDING.keys(), RECEIVING].map(String)

/** The operation that a command is for: a bundler may have taken the class's name away, and an older SDK tells it nowhere else. */
export function operationOf({ schema, constructor }: UnknownObject): unknown {
  return Array.isArray(schema)
    ? schema[2]
    : typeof constructor === 'function'
      ? constructor.name.replace(/Command$/, '')
      : undefined
}

/** Calls an operation with what we add to its input; `rest` is what the SDK takes after that. */
export function operate(
  options: SendOptions,
  operation: unknown,
  input: unknown,
  rest: readonly unknown[],
  call: Call,
): unknown {
  const sending = SENDING.get(operation)
  if (!isRecord(input) || (sending === undefined && operation !== RECEIVING)) return call(input, ...rest)
  if (sending === undefined) return call(asking(input), ...rest)
  const callback = rest.at(-1)
  if (!isFunction(callback) || currentRequest() === undefined)
    return sendEntries(options, sending, input, (carried) => call(carried, ...rest))
  const answer = sendEntries(options, sending, input, (carried) => call(carried, ...rest.slice(0, -1)))
  // As the SDK itself calls back; what is thrown there is lost there, too.
  void Promise.resolve(answer)
    .then((data) => callback(null, data), callback)
    .catch(() => undefined)
  return undefined
}

function sendEntries(options: SendOptions, { to, entries }: SendingCall, input: UnknownObject, call: Call): unknown {
  const address = input[to]
  const given = entries === undefined ? [input] : input[entries]
  // What the SDK or the service is going to refuse, and what goes to a telephone.
  if (typeof address !== 'string' || !areEntries(given)) return call(input)
  return sendMessages<unknown>({
    messages: given.map((entry) => toOutgoing(address, entry)),
    // Whatever is published may have many readers.
    options: to === 'TopicArn' ? { as: 'child' } : options,
    defaultAs: 'hand-off',
    send: (ours) => {
      const carried = ours === undefined ? given : given.map((entry) => withCarrier(address, entry, ours))
      return call(
        ours === undefined ? input : entries === undefined ? carried[0] : withProperty(input, entries, carried),
      )
    },
    accepted: (answer) => !(isRecord(answer) && Array.isArray(answer.Failed) && answer.Failed.length >= given.length),
  })
}

function areEntries(given: unknown): given is readonly UnknownObject[] {
  return Array.isArray(given) && given.every(isRecord)
}

const COUNT: keyof SystemAttributes = 'ApproximateReceiveCount'
const DIED_IN: keyof SystemAttributes = 'DeadLetterQueueSourceArn'

/** The input of a call that receives, which asks for our attributes too: SQS gives none that it was not asked for. */
function asking(input: UnknownObject): UnknownObject {
  const MessageAttributeNames = named(input.MessageAttributeNames, TRACE_HEADER_NAMES)
  // The old name of the list still counts where it alone is used; it is not said to know where a dead letter comes from.
  const isOld = input.AttributeNames !== undefined && input.MessageSystemAttributeNames === undefined
  if (isOld) return { ...input, MessageAttributeNames, AttributeNames: named(input.AttributeNames, [COUNT]) }
  return {
    ...input,
    MessageAttributeNames,
    MessageSystemAttributeNames: named(input.MessageSystemAttributeNames, [COUNT, DIED_IN]),
  }
}

function named(asked: unknown, ours: readonly string[]): readonly unknown[] {
  const names: readonly unknown[] = Array.isArray(asked) ? asked : []
  return names.includes('All') || names.includes('.*') ? names : [...new Set([...names, ...ours])]
}
