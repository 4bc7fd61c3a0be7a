import { currentRequest } from '../../tracking/current-request.ts'
import { isObject } from '../_objects.ts'
import { confirmByResult, sendMessage, type SendMessageCall } from '../_send.ts'
import type { AnyFunction, MethodWrapper } from '../_wrap-methods.ts'
import { confirmByFlush, type FlushableConnection } from './confirm-by-flush.ts'
import { NO_ROOM, parseArgs, type Args, type ResolvedSendOptions, type ServerInfoLike } from './outgoing-message.ts'

/** The members of a connection that are used. */
interface Connection extends FlushableConnection {
  readonly info?: ServerInfoLike
  publish(...args: Args): unknown
}

/** The methods of a connection that send: `publish` may reach any number of subscribers, and a request is a call. */
export function connectionMethods(options: ResolvedSendOptions): Readonly<Record<string, MethodWrapper>> {
  const confirm = confirmByFlush()
  const publish: MethodWrapper =
    (original, wrapped) =>
    (...args) => {
      const connection = connectionOf(wrapped)
      return send(options, connection, original, args, { as: options.as ?? 'child', confirm: confirm(connection) })
    }
  const request: MethodWrapper =
    (original, wrapped) =>
    (...args) =>
      send(options, connectionOf(wrapped), original, args, { as: 'call', confirm: confirmByResult() })
  // The host's own method calls the unwrapped `publish`.
  const publishMessage: MethodWrapper = (original, wrapped) => (message) => {
    if (currentRequest() === undefined || !isObject(message)) return original(message)
    const { subject, data, reply, headers } = message
    return connectionOf(wrapped).publish(subject, data, { reply, headers })
  }
  return { publish, publishMessage, request, requestMany: request }
}

/** The methods of a JetStream client that send: the stream acknowledges each message. */
export function jetStreamMethods(options: ResolvedSendOptions): Readonly<Record<string, MethodWrapper>> {
  // The stream does not store a duplicate: it already has a message of that id.
  const confirm = confirmByResult<unknown>((ack) => !(isObject(ack) && ack.duplicate === true))
  const publish: MethodWrapper =
    (original, wrapped) =>
    (...args) => {
      // Both packages keep the connection there, which their types do not show.
      const { nc } = wrapped as { readonly nc?: Connection }
      return send(options, nc, original, args, { as: options.as ?? 'hand-off', confirm })
    }
  return { publish }
}

function send(
  { headers: newHeaders }: ResolvedSendOptions,
  connection: Connection | undefined,
  original: AnyFunction,
  args: Args,
  call: Pick<SendMessageCall<unknown>, 'as' | 'confirm'>,
): unknown {
  const parsed = currentRequest() === undefined ? undefined : parseArgs(args, newHeaders, connection?.info)
  if (parsed === undefined) return original(...args)
  return sendMessage({
    ...call,
    message: parsed.message,
    noRoom: NO_ROOM,
    send: (headers) => original(...(headers === undefined ? args : parsed.withHeaders(headers))),
  })
}

function connectionOf(wrapped: object): Connection {
  // `propagate` treats nothing else as a connection.
  return wrapped as Connection
}
