import type { NodeExchange } from '../tracking/node-exchange.ts'

/** Exchanges by node's own request, for hosts that tell of a request's errors apart from its handler. */
export const exchanges = new WeakMap<object, NodeExchange>()
