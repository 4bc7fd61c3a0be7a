import { execFileSync } from 'node:child_process'
import { Agent } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { ask, type HttpResponse } from '../adapters/http-client.ts'
import { BUDGET } from './_budget.ts'
import { judged } from './_audit-result.ts'
import { fileNamed, start } from './_program.ts'
import { told } from './_http-client.ts'
import { count, share, tell } from './_server-stats.ts'

/** Each process has one end of every connection, and some files besides. */
function most(wanted: number): number {
  const limit = Number(execFileSync('bash', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  return Number.isNaN(limit) ? wanted : Math.min(wanted, limit - 200)
}

test('connections by the thousand at once are all served, each with an id of its own', async (context) => {
  const connections = most(BUDGET.connections)
  const log = fileNamed('connections.ndjson')
  const server = await start('mortal-server', { args: ['default'], stdout: log })
  const agent = new Agent({ maxSockets: Infinity })
  onTestFinished(() => agent.destroy())
  const answers: Promise<HttpResponse>[] = []
  // A hundred more at a time: faster, and the system turns some away, who come again after a second.
  for (let held = 0; held < connections; held = (await told(server)).held) {
    for (let more = Math.min(held + 100, connections) - answers.length; more > 0; more -= 1)
      answers.push(ask(`${server.url}/held`, { agent }))
  }
  expect(await told(server)).toMatchObject({ requests: connections, inFlight: connections, held: connections })
  // All of them are in the log while none has its answer.
  expect((await judged(log)).stuck.length).toBe(connections)
  await told(server, 'release')
  const all = await Promise.all(answers)
  expect(all.every(({ status, body }) => status === 200 && body === 'served')).toBe(true)
  const ids = new Set(all.map(({ headers }) => headers['x-trace-id']))
  expect(ids.size).toBe(connections)
  expect(await told(server)).toMatchObject({ requests: connections, inFlight: 0, faults: 0 })
  server.child.kill()
  await server.ended
  const { stuck, report, known } = await judged(log)
  expect(stuck).toEqual([])
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests: connections, damaged_lines: 0 } })
  expect(known).toEqual(ids)
  tell(context, {
    fault: 'connections at once, each with a request that waits until all are there',
    tried: count(connections),
    lost: `${share(0, connections)} requests`,
  })
})
