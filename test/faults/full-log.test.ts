import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { BUDGET, LONG } from './_budget.ts'
import { judged, type Judged } from './_audit-result.ts'
import { givenTo, namedPipe } from './_pipe.ts'
import { fileNamed, start, type Program } from './_program.ts'
import { expectAll, expectToldOnce, LINES, send, told } from './_http-client.ts'
import { count, NAMES, share, tell } from './_server-stats.ts'
import type { Destination } from './programs/tracker-for.ts'

const KIB = 1_024
const LIMIT = 64 * KIB

/**
 * Runs a server whose log is a file that soon takes no more, has it serve requests, and then empties the file as often as
 * it is full again. A limit on the size of files stands for the full disk: a write that reaches it is cut there, and the
 * next one fails.
 */
async function filled(
  to: Destination,
  serve: (server: Program, requests: number) => Promise<unknown>,
): Promise<Filled> {
  const log = fileNamed('full.ndjson')
  const server = await start('mortal-server', { args: [to], stdout: log, shell: `ulimit -S -f ${String(LIMIT / KIB)}` })
  let requests = BUDGET.stalled
  await serve(server, requests)
  expect(statSync(log).size).toBe(LIMIT)
  const { inFlight, faults } = await told(server)
  expect(inFlight).toBe(0)
  expect(faults).toBeGreaterThan(0)
  // Nothing is added to a full file: it can be put away and emptied without a race.
  const parts: Buffer[] = []
  while (statSync(log).size === LIMIT) {
    parts.push(readFileSync(log))
    truncateSync(log)
    await serve(server, 2)
    requests += 2
    await told(server, 'close')
  }
  server.child.kill()
  await server.ended
  const whole = fileNamed('whole.ndjson')
  writeFileSync(whole, Buffer.concat([...parts, readFileSync(log)]))
  return { found: await judged(whole), requests, times: parts.length, stderr: await server.stderr }
}

interface Filled {
  readonly found: Judged
  readonly requests: number
  /** So often was it full. */
  readonly times: number
  readonly stderr: string
}

describe('a file that takes no more, until there is space again', () => {
  test.for(['default', 'own-sync'] as const)('%s: what was told meanwhile is written then', async (to, context) => {
    const { found, requests, times, stderr } = await filled(to, (server, some) => Promise.all(send(server, some)))
    expectAll(found, requests)
    expectToldOnce(stderr, 'EFBIG')
    tell(context, {
      fault: `a file that takes no more and is then emptied, ${NAMES[to]}`,
      tried: `${count(requests)} requests, ${count(times)} times full`,
      lost: `${share(0, requests * LINES)} lines`,
    })
  })

  test('two trackers of one process tear no line of each other', async () => {
    // Twice, since a line may happen to end where the file does.
    for (let n = 0; n < 2; n += 1) {
      const { found, requests } = await filled('default', async ({ url }, some) => {
        for (let left = some; left > 0; left -= 2) for (const path of ['ok', 'job/ok']) await ask(`${url}/${path}`)
      })
      expectAll(found, requests)
    }
  })
})

test('what is kept for a log that takes nothing is bounded, whole, and written in order once it takes lines again', async (context) => {
  const pipe = namedPipe().open()
  const server = await givenTo(pipe, (stdout) =>
    start('mortal-server', { args: ['default', 'console'], stdout, node: ['--expose-gc'] }),
  )
  const before = await told(server, 'collect')
  const burst = 25_000
  await told(server, `burst ${String(burst)}`)
  const after = await told(server, 'collect')
  expect(after.requests).toBe(burst)
  expect(after.faults).toBeGreaterThan(0)
  // Twice what is kept is needed while it is tried again.
  expect(after.rss - before.rss).toBeLessThan(150 * KIB * KIB)
  const reader = pipe.read()
  await reader.lines(1 + ((LONG ? 14 : 3) * KIB * KIB) / 300)
  server.child.kill('SIGKILL')
  await reader.ended
  const log = fileNamed('kept.ndjson')
  writeFileSync(log, reader.text())
  const { report, records } = await judged(log)
  expect(report.invalid).toEqual([])
  expect(report.checked.damaged_lines).toBeLessThanOrEqual(1)
  // The first line that is missing ends the tale of its request; all before it are whole.
  const ids = [...new Set(records.map(({ request_id }) => request_id))]
  const open = new Set(report.stuck.map(({ request_id }) => request_id))
  expect(ids.filter((id) => open.has(id))).toEqual(ids.slice(ids.length - open.size))
  expect(open.size).toBeLessThanOrEqual(1)
  expectToldOnce(await server.stderr, 'more are lost')
  tell(context, {
    fault: 'a log that takes nothing while more than 16 MiB of lines are told',
    tried: `${count(burst)} requests in one turn`,
    lost: 'what was told beyond 16 MiB; before that no line',
  })
})
