import { currentRequest } from '../../tracking/current-request.ts'
import { isThenable } from '../../tracking/promises.ts'
import { runWith } from '../../tracking/storage.ts'
import { channelOf } from './channel.ts'
import { watchReturns, type WatchReturn } from './returned-messages.ts'
import { isObject } from '../_objects.ts'
import { confirmByResult, type Confirm } from '../_send.ts'
import { isFunction } from '../_wrap-methods.ts'

/** One `publish` or `sendToQueue`. */
export interface PublishCall {
  readonly channel: object
  /** Whether the broker returns the message if no queue takes it. */
  readonly mandatory: boolean
  /** The caller's callback for the confirm, if there is one. */
  readonly callback: unknown
  readonly sendUnchanged: () => unknown
}

/**
 * How the messages of one channel are confirmed: by callback on a confirm channel, by a promise through
 * amqp-connection-manager, and otherwise not at all.
 */
export function channelConfirms(): (call: PublishCall) => Confirm<unknown> {
  let watchReturn: WatchReturn | undefined
  return ({ channel, mandatory, callback, sendUnchanged }) => {
    const confirms = 'waitForConfirms' in channel
    // amqp-connection-manager's channel: it keeps messages while there is no broker, and promises a confirm.
    const promises = 'waitForConnect' in channel
    const callsBack = confirms || (promises && isFunction(callback))
    return (handOff, send) => {
      const request = currentRequest()
      const { lifecycle } = handOff
      const stopWatching =
        confirms && mandatory && lifecycle !== undefined
          ? (watchReturn ??= watchReturns(channelOf(channel)))(lifecycle)
          : undefined
      const onConfirm = (error: unknown, ...answer: unknown[]): unknown => {
        const reason = stopWatching?.()
        if (isObject(error)) handOff.failed(error)
        else if (reason !== undefined)
          handOff.failed(new Error(`no queue takes the message, the broker has returned it: ${reason}`))
        else handOff.sent()
        return isFunction(callback) ? runWith(request, () => callback(error, ...answer)) : undefined
      }
      let sent: unknown
      try {
        sent = send(callsBack ? onConfirm : undefined)
      } catch (error) {
        stopWatching?.()
        handOff.failed(error)
        // amqplib's limit is 64 KiB of headers: without ours, the caller's may fit.
        if (error instanceof RangeError) return sendUnchanged()
        throw error
      }
      if (promises && isThenable(sent)) return confirmByResult()(handOff, () => sent)
      // A channel that does not confirm reports nothing more.
      if (!callsBack) handOff.sent()
      return sent
    }
  }
}
