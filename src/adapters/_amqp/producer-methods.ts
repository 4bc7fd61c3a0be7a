import { HEADERS } from '../../trace/carrier.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import { startHandOff } from '../../tracking/hand-off.ts'
import { isThenable } from '../../tracking/promises.ts'
import { channelOf } from './channel.ts'
import { returnedMessagesOf, type ReturnedMessages } from './returned-messages.ts'
import { withProperty, hasForeignCarrier, isRecord, resolveSendAs, withTraceHeaders } from '../_send.ts'
import { isFunction, type MethodWrapper } from '../_wrap-methods.ts'
import { sendWithHandOff, type SendAs, type SendOptions } from '../_deliveries.ts'

type Found = Readonly<Record<string, unknown>>

/** What stands after a message: its options and, on a channel that confirms, who is told. */
type Rest = readonly [how?: unknown, callback?: unknown, ...more: unknown[]]

interface Sending {
  readonly channel: object
  readonly exchange: unknown
  /** The routing key: for the default exchange, the name of a queue. */
  readonly key: unknown
  readonly rest: Rest
  readonly send: (...rest: Rest) => unknown
}

/** What one channel sends. */
export function channelMethods(options: SendOptions): Readonly<Record<string, MethodWrapper>> {
  let returns: ReturnedMessages | undefined

  const carry = ({ channel, exchange, key, rest, send }: Sending): unknown => {
    const request = currentRequest()
    const [given, callback, ...more] = rest
    const how = isRecord(given) ? given : {}
    const own = how.headers ?? {}
    const to = exchange === '' ? key : exchange
    // What amqplib is going to refuse, it has the words for.
    if (request === undefined || typeof to !== 'string' || !isRecord(own) || hasForeignCarrier(request, own))
      return send(...rest)
    const as = resolveSendAs(request, options.as ?? usual(exchange, to, how), to)
    const handOff = startHandOff(request, as === 'child' ? 'child' : undefined)
    const { [HEADERS.lifecycle]: lifecycle } = handOff.headers
    const confirms = 'waitForConfirms' in channel
    // What amqp-connection-manager makes of a channel: it keeps messages until there is a broker, and promises a confirm.
    const promises = 'waitForConnect' in channel
    const isTold = confirms || (promises && isFunction(callback))
    const returned =
      confirms && Boolean(how.mandatory) && lifecycle !== undefined
        ? (returns ??= returnedMessagesOf(channelOf(channel)))(lifecycle)
        : undefined
    const confirmed = (error: unknown, ...answer: unknown[]): unknown => {
      const words = returned?.()
      if (isRecord(error)) handOff.failed(error)
      else if (words !== undefined)
        handOff.failed(new Error(`no queue takes the message, the broker has returned it: ${words}`))
      else handOff.sent()
      return isFunction(callback) ? runWith(request, () => callback(error, ...answer)) : undefined
    }
    let sent: unknown
    try {
      sent = send(
        withProperty(how, 'headers', withTraceHeaders(withInherited(own), handOff.headers)),
        isTold ? confirmed : callback,
        ...more,
      )
    } catch (error) {
      returned?.()
      handOff.failed(error)
      // amqplib takes 64 KiB of headers: those of the caller alone may not be too long.
      if (error instanceof RangeError) return send(...rest)
      throw error
    }
    if (promises && isThenable(sent))
      return sendWithHandOff(
        handOff,
        () => sent,
        () => true,
      )
    // Of a channel that does not confirm, nobody learns more.
    if (!isTold) handOff.sent()
    return sent
  }

  return {
    publish:
      (publish, channel) =>
      (exchange, key, content, ...rest) =>
        carry({ channel, exchange, key, rest, send: (...more) => publish(exchange, key, content, ...more) }),
    sendToQueue:
      (send, channel) =>
      (key, content, ...rest) =>
        carry({ channel, exchange: '', key, rest, send: (...more) => send(key, content, ...more) }),
  }
}

/**
 * A queue's consumers share what is sent to it, but a named exchange may feed many queues, and so do CC and BCC. Calls and
 * answers are children, too: whoever answers has a request of its own. Queues that the broker names are there for answers.
 */
function usual(exchange: unknown, to: string, { replyTo, CC, BCC }: Found): SendAs {
  const isForMore = [replyTo, CC, BCC].some((each) => each !== undefined && each !== null)
  return exchange !== '' || isForMore || to.startsWith('amq.') ? 'child' : 'hand-off'
}

/** The headers as amqplib writes them: those of the prototype, too. */
function withInherited(headers: Found): Found {
  const names: string[] = []
  for (const name in headers) names.push(name)
  return Object.fromEntries(names.map((name) => [name, headers[name]]))
}
