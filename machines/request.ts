import { createMachine } from 'xstate'

/**
 * The life of one request, as every adapter of throughline drives it.
 *
 * A transition's `description` is the label on its edge in the diagram. What an event means, when it
 * fires and when it does not stands once, under `meta.events`; diagrams and docs read it from there.
 * `meta.stuckAfter` is how long a request may stay in a state before the audit calls it stuck.
 */
export const requestMachine = createMachine({
  id: 'request',
  initial: 'Received',
  meta: {
    events: {
      AUTH_OK: 'The caller is known. Fires once; marked implied where nobody checks callers.',
      AUTH_ERROR: 'The caller was refused. Fires once, and ends the request.',
      PROCESS: 'The work has begun. Fires at most once; implied at the end where the handler does not say so.',
      ENQUEUE:
        'The broker has taken the first message of this request. Does not fire when sending fails, nor for later messages.',
      RESPOND: 'The answer is out, or never will be: see outcome. Fires once, and not for a request that was queued.',
      COMPLETE: 'The worker is done with the message: see outcome. Does not fire while a retry is still to come.',
    },
  },
  states: {
    Received: {
      description: 'The request has arrived and nothing is known of its caller.',
      meta: { stuckAfter: '10s' },
      on: {
        AUTH_OK: { target: 'Authenticated', description: 'auth ok' },
        AUTH_ERROR: { target: 'Failed', description: 'auth error' },
      },
    },
    Authenticated: {
      description: 'The caller is known, and the handler has the request.',
      meta: { stuckAfter: '30s' },
      on: { PROCESS: { target: 'Processing' } },
    },
    Processing: {
      description: 'The handler is at work on the answer.',
      meta: { stuckAfter: '30s' },
      on: {
        ENQUEUE: { target: 'Queued', description: 'async path' },
        RESPOND: { target: 'Responded', description: 'sync path' },
      },
    },
    Queued: {
      description: 'The broker holds the message, and a worker will complete the request.',
      meta: { stuckAfter: '15m' },
      on: { COMPLETE: { target: 'Completed' } },
    },
    Responded: { description: 'The answer has been handed to the client, or can no longer be.', type: 'final' },
    Completed: { description: 'The worker has finished with the message.', type: 'final' },
    Failed: { description: 'The caller was refused.', type: 'final' },
  },
})

export default requestMachine
