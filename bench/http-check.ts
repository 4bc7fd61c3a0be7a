import { linesOf, type ServerVariant } from './http-servers.ts'
import type { RunningServer } from './http-running.ts'
import { ANSWER } from './servers/_handler.ts'

const STATES = ['Received', 'Authenticated', 'Processing', 'Responded']
const REQUESTS = 10

/**
 * Makes sure that a server does what it is measured for: the answer is right, and all lines and spans come out.
 *
 * @throws Error which says what is wrong
 */
export async function check(variant: ServerVariant, server: RunningServer): Promise<void> {
  server.clear()
  const ids = Array.from({ length: REQUESTS }, (_, index) => `check-${index}`)
  for (const id of ids) {
    const response = await fetch(`http://127.0.0.1:${server.port}/products/kettle?colour=red`, { headers: { 'x-trace-id': id } })
    const { status, headers } = response
    expected(variant, 'status', status, 200)
    expected(variant, 'content type', headers.get('content-type'), 'application/json')
    expected(variant, 'body', await response.text(), ANSWER)
    expected(variant, 'x-trace-id', headers.get('x-trace-id'), variant.echoes ? id : null)
  }
  await server.end()
  const lines = server.lines().map((line): unknown => JSON.parse(line))
  expected(variant, 'number of lines', lines.length, REQUESTS * linesOf(variant))
  for (const kind of ['state', 'summary', 'span'] as const) {
    const found = lines.filter((line) => kindOf(line) === kind).length
    expected(variant, `lines of kind ${kind}`, found, REQUESTS * (variant.writes[kind] ?? 0))
  }
  if (variant.writes.state === undefined) return
  for (const id of ids) {
    const states = lines.filter((line) => member(line, 'trace_id') === id).map((line) => member(line, 'state'))
    expected(variant, `states of ${id}`, states.join(), STATES.join())
  }
}

/** Makes sure that a round that was measured left all of its lines. */
export function checkCount(variant: ServerVariant, server: RunningServer, requests: number): void {
  expected(variant, 'number of lines in a round', server.countLines(), requests * linesOf(variant))
}

function kindOf(line: unknown): 'state' | 'summary' | 'span' | 'other' {
  if (STATES.includes(String(member(line, 'state')))) return 'state'
  if (member(line, 'attributes', 'http.response.status_code') === 200 && typeof member(line, 'spanId') === 'string') return 'span'
  // pino-http tells of the response, evlog of the request as a whole.
  const status = member(line, 'res', 'statusCode') ?? member(line, 'status')
  return status === 200 ? 'summary' : 'other'
}

function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined), value)
}

function expected(variant: ServerVariant, what: string, found: unknown, right: unknown): void {
  if (found !== right) throw new Error(`${variant.name}: ${what} is ${String(found)}, and should be ${String(right)}`)
}
