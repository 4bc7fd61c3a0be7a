import { endFromStatus, type RequestEnd } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { initWithIds, isHeldByBun, observeBody, setIds } from './fetch-body.ts'
import type { FetchRequestInfo, FetchTracking } from './fetch-tracking.ts'
import type { HandlerOptions } from './handler-options.ts'
import { endOfHandshake } from './handshake.ts'
import { acceptWith } from './request-options.ts'

/**
 * Tracks one request on a host of which nothing more is known: the body of its response ends it, or its signal.
 *
 * A body that is all there has ended for us when the host is given it.
 */
export function trackByBody<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  { incoming, source, path = incoming.url }: FetchRequestInfo<Source>,
): FetchTracking {
  const { headers, method, signal } = incoming
  const request = acceptWith(core, options, headers, { method, path, source })
  let status: number | undefined
  const settle = (end: RequestEnd): void => {
    signal.removeEventListener('abort', onAbort)
    request.finish(end)
  }
  const onAbort = (): void => settle({ outcome: 'aborted', status })
  const isHandshake = headers.get('upgrade')?.toLowerCase() === 'websocket'
  // On Deno the signal of a request also fires when its connection becomes a WebSocket.
  if (!isHandshake) signal.addEventListener('abort', onAbort, { once: true })
  // A signal that was aborted before emits no event.
  if (signal.aborted) onAbort()
  return {
    request,
    answered(answer, thrown) {
      if (answer === undefined) {
        // Bun takes no response once the connection is a WebSocket; to any other request it answers by itself.
        if (isHandshake) settle({ outcome: 'ok', status: 101 })
        else settle({ outcome: 'error', error: new TypeError('the handler returned no Response') })
        return undefined
      }
      status = answer.status
      const end = isHandshake
        ? endOfHandshake(request, { how: 'answered', status }, thrown)
        : endFromStatus(request, status, thrown)
      // A response of 101 and Response.error() cannot be constructed: they are passed on as they are.
      if (status < 200) {
        settle(end)
        return answer
      }
      if (isHeldByBun(answer)) {
        settle(end)
        setIds(request, answer.headers)
        return answer
      }
      const init = initWithIds(request, answer)
      const { body } = answer
      if (answer.bodyUsed || body?.locked === true) {
        settle({ outcome: 'error', status, error: new TypeError('the body of the response is in use already') })
        return answer
      }
      // The body of an answer to HEAD is never read.
      if (body !== null && method !== 'HEAD') return observeBody(body, init, { end, settle })
      // Hono's helper answers so on Bun once the connection is a WebSocket.
      const isUpgraded = body === null && status === 200 && isHandshake
      settle(isUpgraded ? { outcome: 'ok', status: 101 } : end)
      return new Response(body, init)
    },
    failed(error) {
      // The client has left and the request has ended: record the error as a note; the outcome stays.
      if (request.ended) request.emitNote('note', 'FAIL', { error })
      settle({ outcome: 'error', status: 500, error })
    },
  }
}
