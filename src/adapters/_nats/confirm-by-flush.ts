import type { HandOff } from '../../tracking/hand-off.ts'
import type { Confirm } from '../_send.ts'

/** The members of a connection by which a message is confirmed. */
export interface FlushableConnection {
  flush(): Promise<unknown>
  closed(): Promise<unknown>
}

/**
 * Confirms the hand-offs of one connection by flushing it, without delaying the sender.
 *
 * NATS does not acknowledge messages, but a server processes its input in order: its answer to a PING says that it has
 * all messages before it.
 */
export function confirmByFlush(): (connection: FlushableConnection) => Confirm<unknown> {
  const unconfirmed = new Set<HandOff>()
  let watched = false
  const failOnClose = (connection: FlushableConnection): void => {
    if (watched) return
    watched = true
    // A flush that waits for its answer when the connection closes may never settle.
    void connection.closed().then((error) => {
      for (const handOff of unconfirmed)
        handOff.failed(error ?? new Error('the connection closed before the server had confirmed the message'))
      unconfirmed.clear()
    })
  }
  return (connection) => (handOff, send) => {
    let result: unknown
    try {
      result = send()
    } catch (error) {
      handOff.failed(error)
      throw error
    }
    if (handOff.lifecycle === undefined) {
      handOff.sent()
      return result
    }
    unconfirmed.add(handOff)
    connection.flush().then(
      () => unconfirmed.delete(handOff) && handOff.sent(),
      (error: unknown) => unconfirmed.delete(handOff) && handOff.failed(error),
    )
    failOnClose(connection)
    return result
  }
}
