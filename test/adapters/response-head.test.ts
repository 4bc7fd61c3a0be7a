import fc from 'fast-check'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { head } from './http-client.ts'
import { listen } from './http-servers.ts'
import { recordingTracker, type RunningServer } from './http-host.ts'

/** A way of sending the head of a response. */
interface Head {
  /** Set before, one by one. */
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly status: number
  readonly reason: string | undefined
  readonly form: 'none' | 'object' | 'pairs' | 'flat' | 'null'
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const NAMES = ['set-cookie', 'Set-Cookie', 'x-one', 'X-Two', 'content-type', 'vary']
const header = fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom('a=1', 'b=2', 'text/plain'))
const heads: fc.Arbitrary<Head> = fc.record({
  set: fc.array(header, { maxLength: 2 }),
  status: fc.constantFrom(200, 201, 204, 404),
  reason: fc.option(fc.constant('Fine'), { nil: undefined }),
  form: fc.constantFrom('none', 'object', 'pairs', 'flat', 'null'),
  headers: fc.array(header, { maxLength: 4 }),
})

function argument({ form, headers }: Head): unknown {
  if (form === 'none') return undefined
  if (form === 'null') return null
  return form === 'object' ? Object.fromEntries(headers) : form === 'pairs' ? headers : headers.flat()
}

/** Sends the head as it says; what Node throws is the body. */
function respond(chosen: Head, res: ServerResponse): void {
  res.sendDate = false
  for (const [name, value] of chosen.set) res.setHeader(name, value)
  const given = argument(chosen)
  // Node accepts all of these; its types know some.
  const writeHead = res.writeHead.bind(res) as (...args: readonly unknown[]) => unknown
  try {
    if (chosen.reason === undefined) writeHead(chosen.status, ...(given === undefined ? [] : [given]))
    else writeHead(chosen.status, chosen.reason, ...(given === undefined ? [] : [given]))
    res.end()
  } catch (error) {
    res.end(error instanceof Error && 'code' in error ? String(error.code) : 'other')
  }
}

describe('the head of a response', () => {
  let chosen: Head
  const servers: RunningServer[] = []
  const { tracker } = recordingTracker()
  const handler = (_req: IncomingMessage, res: ServerResponse): void => respond(chosen, res)
  beforeAll(async () => {
    for (const each of [handler, tracker.trackRequest(handler)]) servers.push(await listen(createServer(each)))
  })
  afterAll(async () => {
    for (const server of servers) await server.close()
  })

  /** The head that a client receives, without the id. */
  async function received(server: RunningServer | undefined, withId: boolean): Promise<unknown> {
    const response = await head(server?.url ?? '')
    response.resume()
    const pairs = response.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [[name, all[at + 1]]] : []))
    const [ids, others] = [true, false].map((isId) => pairs.filter(([name]) => (name === 'x-trace-id') === isId))
    expect(ids).toHaveLength(withId ? 1 : 0)
    return { status: response.statusCode, reason: response.statusMessage, others }
  }

  test('is what it is without tracking, and one header more', async () => {
    await fc.assert(
      fc.asyncProperty(heads, async (next) => {
        chosen = next
        const [plain, tracked] = servers
        expect(await received(tracked, true)).toEqual(await received(plain, false))
      }),
    )
    expect(tracker.stats.faults).toBe(0)
  })

  test.each<[what: string, form: Head['form']]>([
    ['an object', 'object'],
    ['pairs', 'pairs'],
    ['a flat list', 'flat'],
  ])('has no id of another server that comes with %s', async (_, form) => {
    chosen = {
      set: [],
      status: 200,
      reason: undefined,
      form,
      headers: [
        ['X-Trace-Id', 'theirs'],
        ['x-one', '1'],
      ],
    }
    const response = await head(servers[1]?.url ?? '')
    response.resume()
    expect(response.rawHeaders.filter((text) => text.toLowerCase() === 'x-trace-id')).toHaveLength(1)
    expect(response.headers).toMatchObject({ 'x-one': '1' })
    expect(response.headers['x-trace-id']).not.toBe('theirs')
  })
})
