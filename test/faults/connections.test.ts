import { execFileSync } from 'node:child_process'
import { Agent } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { ask, type HttpResponse } from '../adapters/http-client.ts'
import { auditFiles } from './_audit-result.ts'
import { addRow, count, share } from './_fault-row.ts'
import { getStats } from './_http-client.ts'
import { startProgram, tempFile } from './_program.ts'
import { RUNS } from './_run-counts.ts'

/** As many connections as the limit on open files allows. This process and the server hold one end of each. */
function withinFileLimit(connections: number): number {
  const limit = Number(execFileSync('bash', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  return Number.isNaN(limit) ? connections : Math.min(connections, limit - 200)
}

test('serves thousands of simultaneous connections, each request with its own id', async (context) => {
  const connections = withinFileLimit(RUNS.connections)
  const log = tempFile('connections.ndjson')
  const server = await startProgram('fault-server', { args: ['default'], stdout: log })
  const agent = new Agent({ maxSockets: Infinity })
  onTestFinished(() => agent.destroy())
  const responses: Promise<HttpResponse>[] = []
  // At most a hundred at a time: beyond its backlog the kernel drops connections, and TCP retries only after a second.
  for (let held = 0; held < connections; held = (await getStats(server)).held) {
    for (let more = Math.min(held + 100, connections) - responses.length; more > 0; more -= 1)
      responses.push(ask(`${server.url}/held`, { agent }))
  }
  expect(await getStats(server)).toMatchObject({ requests: connections, inFlight: connections, held: connections })
  // Every request is in the log before any of them has a response.
  expect((await auditFiles(log)).stuck.length).toBe(connections)
  await getStats(server, 'release')
  const all = await Promise.all(responses)
  expect(all.filter(({ status, body }) => status !== 200 || body !== 'served')).toEqual([])
  const ids = new Set(all.map(({ headers }) => headers['x-trace-id']))
  expect(ids.size).toBe(connections)
  expect(await getStats(server)).toMatchObject({ requests: connections, inFlight: 0, faults: 0 })
  server.child.kill()
  await server.ended
  const { stuck, report, logged } = await auditFiles(log)
  expect(stuck).toEqual([])
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests: connections, damaged_lines: 0 } })
  expect(logged).toEqual(ids)
  addRow(context, {
    fault: 'simultaneous connections, each with a request that waits for all the others',
    tried: count(connections),
    lost: `${share(0, connections)} requests`,
  })
})
