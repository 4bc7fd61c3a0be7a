import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { ask } from '../adapters/http-client.ts'
import { BUDGET } from './_budget.ts'
import { judged } from './_audit-result.ts'
import { isJob } from './_kinds.ts'
import { played, told, type Found } from './_pause-at.ts'
import { fileNamed, start } from './_program.ts'
import { count, tell } from './_server-stats.ts'
import { kindOf } from './_truth.ts'
import { DESTINATIONS } from './programs/tracker-for.ts'

function idsOf(records: readonly LifecycleRecord[], service: string, event: string): ReadonlySet<string> {
  return new Set(
    records.filter((record) => record.service === service && record.event === event).map(({ trace_id }) => trace_id),
  )
}

/** Nothing that was over is named, all that was open is, and the process that had it says that it left it. */
function expectNothingLost({ stuck, known, records, report, truth }: Found): void {
  const named = new Set(stuck)
  expect(
    [...truth.begun].filter((id) => !known.has(id)),
    'all that began is in the log',
  ).toEqual([])
  expect(
    [...truth.open].filter((id) => !named.has(id)),
    'what was open is named',
  ).toEqual([])
  expect(
    [...truth.told, ...truth.answered].filter((id) => named.has(id)),
    'and nothing that had ended',
  ).toEqual([])
  expect(report).toMatchObject({ invalid: [], checked: { damaged_lines: 0 } })
  // Of a message that was taken the sender may have had no time to hear: the worker's lines say that it was.
  expect(
    report.gaps.filter(({ trace_id }) => !isJob(kindOf(trace_id))),
    'no line is missing between others',
  ).toEqual([])
  const [leftByServer, leftByWorker] = [idsOf(records, 'server', 'SHUTDOWN'), idsOf(records, 'worker', 'SHUTDOWN')]
  const attempted = idsOf(records, 'worker', 'ATTEMPT')
  const states = new Map(report.stuck.map(({ trace_id, state }) => [trace_id, state]))
  const silent = stuck.filter((id) =>
    states.get(id) === 'Queued' ? attempted.has(id) && !leftByWorker.has(id) : !leftByServer.has(id),
  )
  expect(silent, 'whose process has noted that it left it').toEqual([])
  // A message may be worked on to its end while its sender, told to end, still waits to hear that it was taken.
  expect(
    [...leftByServer, ...leftByWorker].filter((id) => !named.has(id) && !isJob(kindOf(id))),
    'and left no other',
  ).toEqual([])
}

describe('SIGTERM at any moment: no line is lost, and what is left is noted', () => {
  test.for([false, true])('a process that counts its lines: %s', async (counts, context) => {
    const tried = Math.ceil(BUDGET.told / 2)
    let [begun, open] = [0, 0]
    await fc.assert(
      fc.asyncProperty(
        told,
        fc.constantFrom(...DESTINATIONS.filter((to) => to !== 'own-async')),
        async (moment, to) => {
          const found = await played(moment, to, 'SIGTERM', counts)
          expectNothingLost(found)
          for (const { child, marked } of [found.server, found.worker]) {
            expect([child.exitCode, child.signalCode]).toEqual([null, 'SIGTERM'])
            if (!counts) continue
            const service = child === found.server.child ? 'server' : 'worker'
            const lines = found.records.filter(
              (record) => record.lifecycle === 'transition' && record.service === service,
            )
            expect(
              marked.of('transitions').get(String(lines.length)),
              'each line that was counted is there',
            ).toBeDefined()
          }
          begun += found.truth.begun.size
          open += found.truth.open.size
        },
      ),
      { numRuns: tried, endOnFailure: true },
    )
    expect(begun).toBeGreaterThan(0)
    const how = counts ? ', which have a handler of their own for it' : ''
    tell(context, {
      fault: `SIGTERM to a loaded server, its worker, or both${how}`,
      tried: `${count(tried)} moments, ${count(begun)} requests, ${count(open)} of them open`,
      lost: 'no line',
    })
  })
})

// A defect: what such a pino holds back is not handed over when the process ends, and with it go the notes of what it leaves.
// Its own `flush` does nothing where each line is begun to be written at once, and on `exit` it empties itself before we write.
test.fails.for([
  ['SIGTERM', 'held'],
  ['process.exit', 'exit'],
] as const)('an asynchronous pino has all lines out after %s', async ([, last]) => {
  const log = fileNamed('async.ndjson')
  const server = await start('mortal-server', { args: ['own-async'], stdout: log })
  const ids = Array.from({ length: 10 }, (_, index) => `held-${String(index)}`)
  for (const id of ids) void ask(`${server.url}/held`, { headers: { 'x-trace-id': id } }).catch(() => undefined)
  for (const id of ids) await server.marked.until('begin', id)
  if (last === 'exit') void ask(`${server.url}/exit`).catch(() => undefined)
  else server.child.kill('SIGTERM')
  await server.ended
  const { records } = await judged(log)
  expect([...idsOf(records, 'api', 'SHUTDOWN')]).toEqual(expect.arrayContaining(ids))
})
