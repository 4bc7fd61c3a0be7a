import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { ask } from '../adapters/http-client.ts'
import { auditFiles } from './_audit-result.ts'
import { addRow, count } from './_fault-row.ts'
import { killUnderLoad, signalPoint, type RunResult } from './_kill-under-load.ts'
import { startProgram, tempFile } from './_program.ts'
import { isJob, kindOf } from './_request-kinds.ts'
import { RUNS } from './_run-counts.ts'
import { DESTINATIONS } from './programs/_destinations.ts'

function idsOf(records: readonly LifecycleRecord[], service: string, event: string): ReadonlySet<string> {
  return new Set(
    records.filter((record) => record.service === service && record.event === event).map(({ trace_id }) => trace_id),
  )
}

/** Fails unless the audit reports exactly the open requests, and their processes have noted SHUTDOWN for each. */
function expectNothingLost({ stuck, logged, records, report, truth }: RunResult): void {
  const reported = new Set(stuck)
  expect(
    [...truth.started].filter((id) => !logged.has(id)),
    'started but not logged',
  ).toEqual([])
  expect(
    [...truth.open].filter((id) => !reported.has(id)),
    'open but not reported',
  ).toEqual([])
  expect(
    [...truth.ended, ...truth.answered].filter((id) => reported.has(id)),
    'ended but reported',
  ).toEqual([])
  expect(report).toMatchObject({ invalid: [], checked: { damaged_lines: 0 } })
  // A sender may end before it logs a hand-off that the worker's lines show.
  expect(
    report.gaps.filter(({ trace_id }) => !isJob(kindOf(trace_id))),
    'gaps without a hand-off',
  ).toEqual([])
  const [leftByServer, leftByWorker] = [idsOf(records, 'server', 'SHUTDOWN'), idsOf(records, 'worker', 'SHUTDOWN')]
  const attempted = idsOf(records, 'worker', 'ATTEMPT')
  const states = new Map(report.stuck.map(({ trace_id, state }) => [trace_id, state]))
  const withoutNote = stuck.filter((id) =>
    states.get(id) === 'Queued' ? attempted.has(id) && !leftByWorker.has(id) : !leftByServer.has(id),
  )
  expect(withoutNote, 'reported without a SHUTDOWN note').toEqual([])
  // The worker may complete a message whose sender still waits for its confirmation, and notes SHUTDOWN.
  expect(
    [...leftByServer, ...leftByWorker].filter((id) => !reported.has(id) && !isJob(kindOf(id))),
    'SHUTDOWN noted but not reported',
  ).toEqual([])
}

describe('SIGTERM at a random time loses no line, and open requests get a SHUTDOWN note', () => {
  test.for([
    ['without handlers of their own', false],
    ['with handlers of their own', true],
  ] as const)('in processes %s', async ([, countsTransitions], context) => {
    const signals = Math.ceil(RUNS.terminations / 2)
    const destinations = DESTINATIONS.filter((to) => to !== 'pino-async')
    let [started, open] = [0, 0]
    await fc.assert(
      fc.asyncProperty(signalPoint, fc.constantFrom(...destinations), async (point, to) => {
        const result = await killUnderLoad(point, to, 'SIGTERM', countsTransitions)
        expectNothingLost(result)
        for (const { child, marks } of [result.server, result.worker]) {
          expect([child.exitCode, child.signalCode]).toEqual([null, 'SIGTERM'])
          if (!countsTransitions) continue
          const service = child === result.server.child ? 'server' : 'worker'
          const transitions = result.records.filter(
            (record) => record.lifecycle === 'transition' && record.service === service,
          )
          expect([...marks.named('transitions').keys()], 'transitions counted').toEqual([String(transitions.length)])
        }
        started += result.truth.started.size
        open += result.truth.open.size
      }),
      // A run cannot be repeated exactly, so there is nothing to shrink.
      { numRuns: signals, endOnFailure: true },
    )
    expect(started).toBeGreaterThan(0)
    const handlers = countsTransitions ? ', with their own SIGTERM handlers' : ''
    addRow(context, {
      fault: `SIGTERM to a loaded server, its worker, or both${handlers}`,
      tried: `${count(signals)} signals, ${count(started)} requests, ${count(open)} of them open`,
      lost: 'no lines',
    })
  })
})

// Known defect: the buffer of an asynchronous pino is lost when the process ends, and the SHUTDOWN notes with it.
// pino's `flush` does nothing while each line is written at once, and its own exit handler runs before ours.
test.fails.for([
  ['SIGTERM', 'held'],
  ['process.exit', 'exit'],
] as const)('an asynchronous pino has written all lines after %s', async ([, end]) => {
  const log = tempFile('async.ndjson')
  const server = await startProgram('fault-server', { args: ['pino-async'], stdout: log })
  const ids = Array.from({ length: 10 }, (_, index) => `held-${String(index)}`)
  for (const id of ids) void ask(`${server.url}/held`, { headers: { 'x-trace-id': id } }).catch(() => undefined)
  for (const id of ids) await server.marks.until('started', id)
  if (end === 'exit') void ask(`${server.url}/exit`).catch(() => undefined)
  else server.child.kill('SIGTERM')
  await server.ended
  const { records } = await auditFiles(log)
  expect([...idsOf(records, 'api', 'SHUTDOWN')]).toEqual(expect.arrayContaining(ids))
})
