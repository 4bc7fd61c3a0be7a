import { createMachine } from 'xstate'

/**
 * The default machine: the lifecycle of one request, in every adapter.
 *
 * A transition's `description` is its label in the diagram. `meta.events` says what each event means, when it fires and
 * when it does not; diagrams and docs use these sentences. `meta.stuckAfter` is how long a request may stay in a state
 * before the audit reports it as stuck.
 */
export const requestMachine = createMachine({
  id: 'request',
  initial: 'Received',
  meta: {
    events: {
      AUTH_OK: 'The caller is authenticated. Fires once; implied if callers are not checked.',
      AUTH_ERROR: 'The caller was rejected. Fires once and ends the request.',
      PROCESS: 'The handler has the request. Fires at most once; implied when it starts if nobody reports it.',
      ENQUEUE:
        'The broker has accepted the first message of this request. Does not fire if sending fails, nor for later messages.',
      RESPOND:
        'The response has ended, successfully or not: see outcome. Fires once, but not for a request that was queued.',
      COMPLETE: 'The worker has finished with the message: see outcome. Does not fire while a retry is pending.',
    },
  },
  states: {
    Received: {
      description: 'The request has arrived, and its caller is not yet authenticated.',
      meta: { stuckAfter: '10s' },
      on: {
        AUTH_OK: { target: 'Authenticated', description: 'auth ok' },
        AUTH_ERROR: { target: 'Failed', description: 'auth error' },
      },
    },
    Authenticated: {
      description: 'The caller is authenticated, and the handler does not have the request yet.',
      meta: { stuckAfter: '30s' },
      on: { PROCESS: { target: 'Processing' } },
    },
    Processing: {
      description: 'The handler is processing the request.',
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
    Responded: { description: 'The response has been sent to the client, or can no longer be sent.', type: 'final' },
    Completed: { description: 'The worker has finished with the message.', type: 'final' },
    Failed: { description: 'The caller was rejected.', type: 'final' },
  },
})

export default requestMachine
