import type { IncomingMessage, ServerResponse } from 'node:http'

export const RESPONSE_BODY = JSON.stringify({ product: 'kettle', stock: 12 })

/** The application, which is the same in every server. */
export function handler(_req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'application/json')
  res.end(RESPONSE_BODY)
}
