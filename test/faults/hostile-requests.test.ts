import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isTraceId } from '../../src/trace/trace-id.ts'
import { auditFiles } from './_audit-result.ts'
import { addRow, count } from './_fault-row.ts'
import { acceptableId, bytesOf, CANARY, hostileRequest, type HostileRequest } from './_hostile-requests.ts'
import { getStats } from './_http-client.ts'
import { startProgram, tempFile, type Program } from './_program.ts'
import { sendRaw } from './_raw-socket.ts'
import { RUNS } from './_run-counts.ts'

/** The responses of our handler. Node's own error responses have another status. */
function handlerResponses(text: string): string[] {
  return text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((response) => response.startsWith('HTTP/1.1 200 '))
}

/** Sends a hostile request and checks the responses. Returns their number and the server's count of requests. */
async function expectServed(
  server: Program,
  sent: HostileRequest,
  requestsBefore: number,
): Promise<{ responses: number; requests: number }> {
  const responses = handlerResponses(await sendRaw(server.url, bytesOf(sent)))
  const { requests } = await getStats(server)
  for (const response of responses) {
    const ids = [...response.matchAll(/^x-trace-id: (.*)\r$/gim)].map(([, id]) => id)
    expect(ids.length).toBe(1)
    expect(isTraceId(ids[0])).toBe(true)
    expect(ids[0]).toBe(acceptableId(sent) ?? ids[0])
  }
  // A request may get no response if its body ends too early, or if garbage follows it on the same connection.
  const accepted = requests - requestsBefore
  if (sent.path.startsWith('/read') || !sent.closes) expect(responses.length).toBeLessThanOrEqual(accepted)
  else expect(responses.length, 'responses to accepted requests').toBe(accepted)
  return { responses: responses.length, requests }
}

/** Fails unless every line is JSON, short enough for an atomic write to a pipe, and ASCII but for method and path. */
function expectWellFormedLines(log: string): void {
  for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
    expect(Buffer.byteLength(line)).toBeLessThan(4_096 - 1)
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>
    const generated = JSON.stringify({ ...fields, path: undefined, method: undefined })
    expect(generated).toMatch(/^[ -~]+$/)
    expect(generated).not.toContain(CANARY)
    expect(isTraceId(fields.trace_id)).toBe(true)
  }
}

test('a server survives hostile requests, responds to them, and echoes and logs no hostile ids', async (context) => {
  const log = tempFile('hostile.ndjson')
  const server = await startProgram('fault-server', { args: ['default'], stdout: log })
  let [requests, responses] = [0, 0]
  await fc.assert(
    fc.asyncProperty(hostileRequest, async (sent) => {
      const served = await expectServed(server, sent, requests)
      requests = served.requests
      responses += served.responses
    }),
    { numRuns: RUNS.hostileRequests },
  )
  expect(responses).toBeGreaterThan(RUNS.hostileRequests / 10)
  expect(await getStats(server)).toMatchObject({ requests, inFlight: 0, faults: 0 })
  server.child.kill()
  await server.ended
  expect(await server.stderr).toBe('')
  expectWellFormedLines(log)
  const { stuck, report } = await auditFiles(log)
  expect(stuck).toEqual([])
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests, damaged_lines: 0, other_lines: 0 } })
  addRow(context, {
    fault: 'hostile methods, paths, headers and bodies over raw sockets',
    tried: `${count(RUNS.hostileRequests)} messages, of which Node accepted ${count(requests)}`,
    lost: 'no request; every line is JSON and under 4,096 bytes',
  })
})
