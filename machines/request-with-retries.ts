import { createMachine } from 'xstate'

/**
 * The request machine for those who want attempts, failures and departures as states of their own.
 *
 * The same adapters drive it: the signals that the default machine only notes (`ATTEMPT`, `RETRY`,
 * `FAIL`, `ABORT`) are events here.
 */
export const requestWithRetriesMachine = createMachine({
  id: 'request-with-retries',
  initial: 'Received',
  meta: {
    events: {
      AUTH_OK: 'The caller is known. Fires once; marked implied where nobody checks callers.',
      AUTH_ERROR: 'The caller was refused. Fires once, and ends the request.',
      PROCESS: 'The work has begun. Fires at most once; implied at the end where the handler does not say so.',
      ENQUEUE: 'The broker has taken the first message of this request. Does not fire when sending fails.',
      RESPOND: 'The answer is out. Fires once, and not for a request that was queued or has failed.',
      ATTEMPT: 'A worker has the message in hand. Fires once for each delivery.',
      RETRY: 'The attempt failed and the message will come again. Does not fire after the last attempt.',
      COMPLETE: 'The worker is done with the message. Fires once.',
      FAIL: 'The handler threw, answered 5xx, or the retries are used up. Ends the request.',
      ABORT: 'The client left before the answer. Ends the request.',
    },
  },
  states: {
    Received: {
      description: 'The request has arrived and nothing is known of its caller.',
      meta: { stuckAfter: '10s' },
      on: {
        AUTH_OK: { target: 'Authenticated', description: 'auth ok' },
        AUTH_ERROR: { target: 'Failed', description: 'auth error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Authenticated: {
      description: 'The caller is known, and the handler has the request.',
      meta: { stuckAfter: '30s' },
      on: {
        PROCESS: { target: 'Processing' },
        FAIL: { target: 'Failed', description: 'error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Processing: {
      description: 'The handler is at work on the answer.',
      meta: { stuckAfter: '30s' },
      on: {
        ENQUEUE: { target: 'Queued', description: 'async path' },
        RESPOND: { target: 'Responded', description: 'sync path' },
        FAIL: { target: 'Failed', description: 'error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Queued: {
      description: 'The broker holds the message, and no worker has it in hand.',
      meta: { stuckAfter: '15m' },
      on: { ATTEMPT: { target: 'Working', description: 'delivered' } },
    },
    Working: {
      description: 'A worker has the message in hand.',
      meta: { stuckAfter: '15m' },
      on: {
        COMPLETE: { target: 'Completed', description: 'done' },
        RETRY: { target: 'Queued', description: 'will be tried again' },
        FAIL: { target: 'Failed', description: 'retries used up' },
      },
    },
    Responded: { description: 'The answer has been handed to the client.', type: 'final' },
    Completed: { description: 'The worker has finished with the message.', type: 'final' },
    Failed: { description: 'The request ended without doing what it was for.', type: 'final' },
  },
})

export default requestWithRetriesMachine
