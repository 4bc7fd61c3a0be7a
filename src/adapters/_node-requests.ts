import type { NodeRequestTracking } from '../handlers/node-request.ts'

/** Exchanges by node's own request, for hosts that tell of a request's errors apart from its handler. */
export const nodeRequests = new WeakMap<object, NodeRequestTracking>()
