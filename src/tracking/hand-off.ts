import type { TrackedRequest } from './tracked-request.ts'

/** A message on its way to a broker: one of `sent`, `failed` and `declined` says how that went. */
export interface HandOff {
  /** What the message has to carry. */
  readonly headers: Record<string, string>
  /** The broker has the message. */
  sent(): void
  /** The broker could not be reached, or refused: the request is not Queued. */
  failed(error: unknown): void
  /** No message was sent, and rightly so (the queue throttled it): the request is not Queued. */
  declined(): void
}

/**
 * Begins to send a message of a request: the first hands the request over, later ones only name it as their parent.
 *
 * Until it is settled, the end of a response waits: whether the request was queued decides how it ends.
 *
 * @param as `'child'` where nobody will learn whether the broker kept the message: it names the request as its parent
 */
export function startHandOff(request: TrackedRequest, as?: 'child'): HandOff {
  const prepared = as === 'child' ? undefined : request.prepareHandOff()
  const settle = (note: () => void, sent = false): void => {
    // Whatever a note does, the request must not be left waiting.
    try {
      if (prepared === undefined || !sent) note()
    } finally {
      if (prepared !== undefined) request.settleHandOff(sent ? prepared.edge : undefined)
    }
  }
  return {
    headers: prepared?.headers ?? request.headers(),
    sent: () => settle(() => request.note('ENQUEUE', { child: true }), true),
    failed: (error) => settle(() => request.emitNote('note', 'ENQUEUE', { error })),
    declined: () => settle(() => request.note('ENQUEUE', { declined: true })),
  }
}
