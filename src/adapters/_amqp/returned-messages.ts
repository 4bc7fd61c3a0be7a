import { HEADERS } from '../../trace/carrier.ts'
import type { AmqpChannelLike } from './channel.ts'
import { isRecord } from '../_send.ts'

/** Expects that a message may come back; gives what tells, once it is confirmed, with what words it did. */
export type ReturnedMessages = (lifecycle: string) => () => string | undefined

/** Listens for the messages (`mandatory`) of a confirm channel that come back, since no queue takes them: before they are confirmed. */
export function returnedMessagesOf(channel: AmqpChannelLike): ReturnedMessages {
  const expected = new Map<unknown, string | undefined>()
  channel.on('return', (message) => {
    const { fields, properties } = isRecord(message) ? message : {}
    const headers = isRecord(properties) ? properties.headers : undefined
    const lifecycle = isRecord(headers) ? headers[HEADERS.lifecycle] : undefined
    if (expected.has(lifecycle)) expected.set(lifecycle, isRecord(fields) ? String(fields.replyText) : '')
  })
  return (lifecycle) => {
    expected.set(lifecycle, undefined)
    return () => {
      const words = expected.get(lifecycle)
      expected.delete(lifecycle)
      return words
    }
  }
}
