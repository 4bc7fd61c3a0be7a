import { createMachine } from 'xstate'

/**
 * A machine with its own states and events for attempts, failures and disconnected clients.
 *
 * It works with the same adapters. The signals that the default machine logs as notes (`ATTEMPT`, `RETRY`, `FAIL`,
 * `ABORT`) are events here.
 */
export const requestWithRetriesMachine = createMachine({
  id: 'request-with-retries',
  initial: 'Received',
  meta: {
    events: {
      AUTH_OK: 'The caller is authenticated. Fires once; implied if callers are not checked.',
      AUTH_ERROR: 'The caller was rejected. Fires once and ends the request.',
      PROCESS: 'The handler has the request. Fires at most once; implied when it starts if nobody reports it.',
      ENQUEUE: 'The broker has accepted the first message of this request. Does not fire if sending fails.',
      RESPOND: 'The response has been sent. Fires once, but not for a request that was queued or has failed.',
      ATTEMPT: 'A worker has received the message. Fires once per delivery.',
      RETRY: 'The attempt failed and the message will be redelivered. Does not fire after the last attempt.',
      COMPLETE: 'The worker has finished with the message. Fires once.',
      FAIL: 'The handler threw or responded with 5xx, or the retries are used up. Ends the request.',
      ABORT: 'The client disconnected before the response. Ends the request.',
    },
  },
  states: {
    Received: {
      description: 'The request has arrived, and its caller is not yet authenticated.',
      meta: { stuckAfter: '10s' },
      on: {
        AUTH_OK: { target: 'Authenticated', description: 'auth ok' },
        AUTH_ERROR: { target: 'Failed', description: 'auth error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Authenticated: {
      description: 'The caller is authenticated, and the handler does not have the request yet.',
      meta: { stuckAfter: '30s' },
      on: {
        PROCESS: { target: 'Processing' },
        FAIL: { target: 'Failed', description: 'error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Processing: {
      description: 'The handler is processing the request.',
      meta: { stuckAfter: '30s' },
      on: {
        ENQUEUE: { target: 'Queued', description: 'async path' },
        RESPOND: { target: 'Responded', description: 'sync path' },
        FAIL: { target: 'Failed', description: 'error' },
        ABORT: { target: 'Failed', description: 'client left' },
      },
    },
    Queued: {
      description: 'The broker holds the message, and no worker is processing it.',
      meta: { stuckAfter: '15m' },
      on: { ATTEMPT: { target: 'Working', description: 'delivered' } },
    },
    Working: {
      description: 'A worker is processing the message.',
      meta: { stuckAfter: '15m' },
      on: {
        COMPLETE: { target: 'Completed', description: 'done' },
        RETRY: { target: 'Queued', description: 'will be tried again' },
        FAIL: { target: 'Failed', description: 'retries used up' },
      },
    },
    Responded: { description: 'The response has been sent to the client.', type: 'final' },
    Completed: { description: 'The worker has finished with the message.', type: 'final' },
    Failed: { description: 'The request ended without success.', type: 'final' },
  },
})

export default requestWithRetriesMachine
