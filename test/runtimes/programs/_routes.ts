import { currentRequest, currentTraceId } from '../../../src/tracking/current-request.ts'
import type { Answer } from '../../adapters/http-host.ts'
import { deferred } from '../../deferred.ts'

/** What a route is called with, whatever the host. */
export interface RouteCall {
  readonly url: URL
  readonly text: () => Promise<string>
}

const released = deferred<string>()
process.stdin.setEncoding('utf8').on('data', (text) => released.resolve(String(text)))
const never = new Promise<never>(() => undefined)

/** The routes of the servers that the tests start on other runtimes. */
export const ROUTES: Readonly<Record<string, (call: RouteCall) => Answer | Promise<Answer>>> = {
  '/': () => ({ body: currentTraceId() }),
  '/status': ({ url }) => {
    const status = Number(url.searchParams.get('of'))
    return { status, body: status === 204 ? null : 'answered' }
  },
  '/json': () => ({ type: 'application/json', body: '{"fine":true}' }),
  '/large': () => ({ body: 'x'.repeat(300_000) }),
  '/throws': () => {
    throw new TypeError('broken')
  },
  '/rejects': () => Promise.reject(new TypeError('broken')),
  '/echo': async ({ text }) => {
    const [before, sent] = [currentTraceId(), await text()]
    return { body: JSON.stringify([before, sent, currentTraceId()]) }
  },
  '/principal': () => ({ body: String(currentRequest()?.principal) }),
  '/headers': () => ({ body: JSON.stringify(currentRequest()?.headers()) }),
  // Ends once the test has written to this process.
  '/parts': () => ({ body: parts('first ', released.promise) }),
  '/endless': () => ({ type: 'text/event-stream', body: parts('data: 1\n\n', never) }),
  '/torn': () => ({ body: torn() }),
  '/hangs': () => never,
}

async function* parts(...all: (string | Promise<string>)[]): AsyncGenerator<string> {
  for (const part of all) yield await part
}

async function* torn(): AsyncGenerator<string> {
  yield await Promise.resolve('first ')
  throw new TypeError('torn')
}

/** Knows everybody, except nobody. */
export function authenticate(authorization: string | null | undefined): Promise<string | false> {
  return Promise.resolve(authorization === 'nobody' ? false : (authorization ?? 'somebody'))
}
