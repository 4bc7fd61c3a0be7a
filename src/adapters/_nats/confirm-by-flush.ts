import type { HandOff } from '../../tracking/hand-off.ts'

/** The members of a connection that tell what has become of what was sent. */
export interface Answering {
  flush(): Promise<unknown>
  closed(): Promise<unknown>
}

/**
 * Settles the hand-offs of one connection once the server has their messages, without holding up who sent them.
 *
 * NATS acknowledges no message, but a server takes in order what comes: it answers a PING once it has all before it.
 */
export function confirmByFlush(): (connection: Answering, handOff: HandOff) => void {
  const open = new Set<HandOff>()
  let watched = false
  return (connection, handOff) => {
    open.add(handOff)
    connection.flush().then(
      () => open.delete(handOff) && handOff.sent(),
      (error: unknown) => open.delete(handOff) && handOff.failed(error),
    )
    if (watched) return
    watched = true
    // Whoever waits for an answer on a connection that is closed is told nothing by the host.
    void connection.closed().then((error) => {
      for (const left of open)
        left.failed(error ?? new Error('the connection was closed before the server had answered'))
      open.clear()
    })
  }
}
