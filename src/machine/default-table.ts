import { compile } from './compile.ts'
import type { MachineLike } from './machine-like.ts'
import { createTable, type TransitionTable } from './table.ts'

/**
 * The table of `machines/request.ts`, as `compile()` makes it. A program that uses the default machine then loads
 * neither the machine nor XState. test/machine/default-table.test.ts compares the two.
 */
const defaultTable = createTable({
  id: 'request',
  initial: 'Received',
  states: [
    {
      name: 'Received',
      description: 'The request has arrived, and its caller is not yet authenticated.',
      final: false,
      stuckAfterMs: 10_000,
    },
    {
      name: 'Authenticated',
      description: 'The caller is authenticated, and the handler does not have the request yet.',
      final: false,
      stuckAfterMs: 30_000,
    },
    {
      name: 'Processing',
      description: 'The handler is processing the request.',
      final: false,
      stuckAfterMs: 30_000,
    },
    {
      name: 'Queued',
      description: 'The broker holds the message, and a worker will complete the request.',
      final: false,
      stuckAfterMs: 900_000,
    },
    {
      name: 'Responded',
      description: 'The response has been sent to the client, or can no longer be sent.',
      final: true,
      stuckAfterMs: Infinity,
    },
    {
      name: 'Completed',
      description: 'The worker has finished with the message.',
      final: true,
      stuckAfterMs: Infinity,
    },
    {
      name: 'Failed',
      description: 'The caller was rejected.',
      final: true,
      stuckAfterMs: Infinity,
    },
  ],
  events: [
    {
      name: 'AUTH_OK',
      description: 'The caller is authenticated. Fires once; implied if callers are not checked.',
    },
    {
      name: 'AUTH_ERROR',
      description: 'The caller was rejected. Fires once and ends the request.',
    },
    {
      name: 'PROCESS',
      description: 'The handler has the request. Fires at most once; implied when it starts if nobody reports it.',
    },
    {
      name: 'ENQUEUE',
      description:
        'The broker has accepted the first message of this request. Does not fire if sending fails, nor for later messages.',
    },
    {
      name: 'RESPOND',
      description:
        'The response has ended, successfully or not: see outcome. Fires once, but not for a request that was queued.',
    },
    {
      name: 'COMPLETE',
      description: 'The worker has finished with the message: see outcome. Does not fire while a retry is pending.',
    },
  ],
  edges: [
    { from: 'Received', event: 'AUTH_OK', to: 'Authenticated', label: 'auth ok' },
    { from: 'Received', event: 'AUTH_ERROR', to: 'Failed', label: 'auth error' },
    { from: 'Authenticated', event: 'PROCESS', to: 'Processing', label: '' },
    { from: 'Processing', event: 'ENQUEUE', to: 'Queued', label: 'async path' },
    { from: 'Processing', event: 'RESPOND', to: 'Responded', label: 'sync path' },
    { from: 'Queued', event: 'COMPLETE', to: 'Completed', label: '' },
  ],
})

/** The table of a machine; without one, that of the default machine. */
export function tableOf(machine: MachineLike | undefined): TransitionTable {
  return machine === undefined ? defaultTable : compile(machine)
}
