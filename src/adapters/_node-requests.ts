import type { NodeRequestTracking } from '../handlers/node-request.ts'

/** Tracked requests by Node's request object, for hosts that report errors apart from the handler. */
export const nodeRequests = new WeakMap<object, NodeRequestTracking>()
