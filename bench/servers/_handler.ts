import type { IncomingMessage, ServerResponse } from 'node:http'

export const ANSWER = JSON.stringify({ product: 'kettle', stock: 12 })

/** The application: the same in every server. */
export function handler(_req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'application/json')
  res.end(ANSWER)
}
