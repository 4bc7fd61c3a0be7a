import { HEADERS } from '../../trace/carrier.ts'
import type { AmqpChannelLike } from './channel.ts'
import { isObject } from '../_objects.ts'

/**
 * Watches for the return of one message, by its `x-lifecycle`.
 *
 * @returns a function that stops watching and gives the broker's reason, or undefined if the message was not returned
 */
export type WatchReturn = (lifecycle: string) => () => string | undefined

/**
 * Watches the `mandatory` messages of a confirm channel. The broker returns an unroutable one before it confirms it.
 */
export function watchReturns(channel: AmqpChannelLike): WatchReturn {
  const watched = new Map<unknown, string | undefined>()
  channel.on('return', (message) => {
    const { fields, properties } = isObject(message) ? message : {}
    const headers = isObject(properties) ? properties.headers : undefined
    const lifecycle = isObject(headers) ? headers[HEADERS.lifecycle] : undefined
    if (watched.has(lifecycle)) watched.set(lifecycle, isObject(fields) ? String(fields.replyText) : '')
  })
  return (lifecycle) => {
    watched.set(lifecycle, undefined)
    return () => {
      const reason = watched.get(lifecycle)
      watched.delete(lifecycle)
      return reason
    }
  }
}
