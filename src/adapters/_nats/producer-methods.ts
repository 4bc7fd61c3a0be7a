import { HEADERS } from '../../trace/carrier.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import { isRecord } from '../_send.ts'
import { parseArgs, type Args, type Carrying, type ServerInfoLike } from './outgoing-message.ts'
import { confirmByFlush, type Answering } from './confirm-by-flush.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'
import { sendWithHandOff } from '../_deliveries.ts'

/** The members of a connection that are touched. */
interface Connection extends Answering {
  readonly info?: ServerInfoLike
  publish(...args: Args): unknown
}

/** What a connection sends: `publish` feeds any number of subscribers, and a request is a call. */
export function connectionMethods(carrying: Carrying): Readonly<Record<string, MethodWrapper>> {
  const settle = confirmByFlush()
  const ask: MethodWrapper =
    (original, overlaid) =>
    (...args) => {
      const call = parseArgs(args, carrying, connectionOf(overlaid).info)
      return original(...(call === undefined ? args : call.with(call.request.headers())))
    }
  const publish: MethodWrapper =
    (original, overlaid) =>
    (...args) => {
      const connection = connectionOf(overlaid)
      const call = parseArgs(args, carrying, connection.info)
      if (call === undefined) return original(...args)
      const handOff = call.handOff('child')
      try {
        original(...call.with(handOff.headers))
      } catch (error) {
        handOff.failed(error)
        throw error
      }
      if (HEADERS.lifecycle in handOff.headers) settle(connection, handOff)
      else handOff.sent()
      return undefined
    }
  // The host's own calls its own `publish`, which carries nothing.
  const publishMessage: MethodWrapper = (original, overlaid) => (message) => {
    if (currentRequest() === undefined || !isRecord(message)) return original(message)
    const { subject, data, reply, headers } = message
    return connectionOf(overlaid).publish(subject, data, { reply, headers })
  }
  return { publish, publishMessage, request: ask, requestMany: ask }
}

/** What a JetStream client sends: a stream answers that it has the message. */
export function jetStreamMethods(carrying: Carrying): Readonly<Record<string, MethodWrapper>> {
  const publish: MethodWrapper =
    (original, overlaid) =>
    (...args) => {
      // Both packages keep the connection there, and neither says so in its types.
      const { nc } = overlaid as { readonly nc?: Connection }
      const call = parseArgs(args, carrying, nc?.info)
      if (call === undefined) return original(...args)
      // Of a duplicate the stream kept nothing: it has a message of that id already.
      return sendWithHandOff(
        call.handOff('hand-off'),
        (headers) => original(...call.with(headers)),
        (ack) => !(isRecord(ack) && ack.duplicate === true),
      )
    }
  return { publish }
}

function connectionOf(overlaid: object): Connection {
  // `propagate` takes nothing else for a connection.
  return overlaid as Connection
}
