import type { ServerProcess } from './http-server-process.ts'
import { linesPerRequest, type ServerVariant } from './http-servers.ts'
import { RESPONSE_BODY } from './servers/_handler.ts'

const STATES = ['Received', 'Authenticated', 'Processing', 'Responded']
const REQUESTS = 10

/**
 * Checks a server's responses, lines and spans before it is measured.
 *
 * @throws Error that describes the first difference
 */
export async function checkServer(variant: ServerVariant, server: ServerProcess): Promise<void> {
  server.clear()
  const ids = Array.from({ length: REQUESTS }, (_, index) => `check-${index}`)
  for (const id of ids) {
    const response = await fetch(`http://127.0.0.1:${server.port}/products/kettle?colour=red`, {
      headers: { 'x-trace-id': id },
    })
    const { status, headers } = response
    expectEqual(variant, 'status', status, 200)
    expectEqual(variant, 'content type', headers.get('content-type'), 'application/json')
    expectEqual(variant, 'body', await response.text(), RESPONSE_BODY)
    expectEqual(variant, 'x-trace-id', headers.get('x-trace-id'), variant.returnsTraceId ? id : null)
  }
  await server.endRound()
  const lines = server.readLines().map((line): unknown => JSON.parse(line))
  expectEqual(variant, 'number of lines', lines.length, REQUESTS * linesPerRequest(variant))
  for (const kind of ['state', 'summary', 'span'] as const) {
    const count = lines.filter((line) => kindOf(line) === kind).length
    expectEqual(variant, `number of ${kind} lines`, count, REQUESTS * (variant.writes[kind] ?? 0))
  }
  if (variant.writes.state === undefined) return
  for (const id of ids) {
    const states = lines.filter((line) => member(line, 'trace_id') === id).map((line) => member(line, 'state'))
    expectEqual(variant, `states of ${id}`, states.join(), STATES.join())
  }
}

/** @throws Error unless a measured round has left all of its lines */
export function checkLineCount(variant: ServerVariant, server: ServerProcess, requests: number): void {
  expectEqual(variant, 'number of lines in a round', server.countLines(), requests * linesPerRequest(variant))
}

function kindOf(line: unknown): 'state' | 'summary' | 'span' | 'other' {
  if (STATES.includes(String(member(line, 'state')))) return 'state'
  if (member(line, 'attributes', 'http.response.status_code') === 200 && typeof member(line, 'spanId') === 'string')
    return 'span'
  // pino-http logs the status under `res`, evlog at the top level.
  const status = member(line, 'res', 'statusCode') ?? member(line, 'status')
  return status === 200 ? 'summary' : 'other'
}

function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined),
    value,
  )
}

function expectEqual(variant: ServerVariant, what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected)
    throw new Error(`${variant.name}: ${what} is ${String(actual)} instead of ${String(expected)}`)
}
