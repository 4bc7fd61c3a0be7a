import fc from 'fast-check'
// The compiled package, because threads run compiled files.
import { auditFiles as auditInThreads } from 'throughline/audit'
import { expect, test } from 'vitest'
import { CallAudit } from '../../src/audit/calls/call-audit.ts'
import { auditFiles, audit } from '../../src/queries/audit.ts'
import { story } from '../../src/queries/story.ts'
import type { CallFact } from '../../src/record/call-facts.ts'
import { folderOf } from '../cli/_run-command.ts'
import { propertyRuns } from '../property-runs.ts'
import { callLog } from './_random-calls.ts'

const jsonLines = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('')

test('the story and the audit find every lost call of random trees, and invent none', async () => {
  await fc.assert(
    fc.asyncProperty(callLog, async ({ traces, lines, lost, sent, callers }) => {
      const found: string[] = []
      for (const trace of traces) {
        const report = await story(trace, lines)
        for (const { request_id, parent_id, call, calls, gaps } of report?.requests ?? []) {
          const caller = callers.get(request_id)
          if (caller !== undefined) expect([parent_id, call], request_id).toEqual(caller)
          for (const { attempt, sent: of, missing } of calls)
            for (const number of missing) found.push([trace, request_id, attempt ?? '-', number, of].join(' '))
          const named = gaps.filter((gap) => gap.includes('no line in these logs'))
          expect(named).toHaveLength(calls.reduce((sum, { missing }) => sum + missing.length, 0))
        }
      }
      expect(found.sort()).toEqual(lost)

      const { calls } = await audit(lines, { calls: true })
      expect(calls).toMatchObject({ lost: lost.length, undecided: 0 })
      expect(Object.entries(calls?.services ?? {}).map(([service, counts]) => [service, counts.sent])).toEqual(
        [...sent].sort(),
      )
      for (const { lost: count, examples } of Object.values(calls?.services ?? {})) {
        expect(examples).toHaveLength(Math.min(count, 20))
        for (const { trace_id, request_id, attempt, call, of } of examples)
          expect(lost).toContain([trace_id, request_id, attempt ?? '-', call, of].join(' '))
      }
      // Repeats and another order make no difference.
      expect((await audit([...lines, ...lines].reverse(), { calls: true })).calls).toEqual(calls)
    }),
    { numRuns: propertyRuns(300) },
  )
})

test('an audit of files finds the same in threads and in small blocks, and without the option it has no calls', async () => {
  await fc.assert(
    fc.asyncProperty(callLog, async ({ lines }) => {
      const file = folderOf({ 'app.ndjson': jsonLines(lines) })('app.ndjson')
      const expected = await audit(lines, { calls: true, now: 1_790_000_100_000 })
      const scanned = await auditFiles([file], { calls: true, now: 1_790_000_100_000, blockBytes: 2_000 })
      expect(scanned.calls).toEqual(expected.calls)
      expect(
        (await auditInThreads([file], { calls: true, now: 1_790_000_100_000, threads: 2, blockBytes: 2_000 })).calls,
      ).toEqual(expected.calls)
      const { calls: _calls, ...rest } = scanned
      expect(await auditFiles([file], { now: 1_790_000_100_000 })).toEqual(rest)
    }),
    { numRuns: propertyRuns(5) },
  )
})

const request = (index: number): string => (0xb7ad6b7169203n + BigInt(index)).toString(16)
const sentBy = (index: number, calls = 1): CallFact => ({
  kind: 'sent',
  trace_id: 'abc-123',
  request_id: `${request(index)}000`,
  service: 'gateway',
  time: index,
  calls,
})
const receivedFrom = (index: number, call = 1): CallFact => ({
  kind: 'received',
  trace_id: 'abc-123',
  parent_id: `${request(index)}${String(call).padStart(3, '0')}`,
})
const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

test('calls that were given up are undecided, and neither lost nor arrived', () => {
  const calls = new CallAudit({ maxOpen: 10 })
  calls.add(range(15).map((index) => sentBy(index, 2)))
  expect(calls.report()).toMatchObject({ sent: 20, lost: 20, undecided: 10 })
  // A call whose caller comes only after it was given up.
  const late = new CallAudit({ maxOpen: 10 })
  late.add(range(15).map((index) => receivedFrom(index)))
  late.add(range(15).map((index) => sentBy(index)))
  expect(late.report()).toMatchObject({ sent: 10, lost: 0, undecided: 5 })
})

test('calls that have all arrived take no memory for long, and their lines may be repeated', () => {
  const calls = new CallAudit({ maxOpen: 10, maxComplete: 10 })
  const facts = range(100).flatMap((index) => [receivedFrom(index), sentBy(index)])
  calls.add(facts)
  calls.add(facts)
  calls.add([sentBy(200)])
  expect(calls.report()).toMatchObject({
    sent: 101,
    lost: 1,
    undecided: 0,
    services: { gateway: { sent: 101, lost: 1, examples: [{ request_id: `${request(200)}000`, call: 1, of: 1 }] } },
  })
})

test('a service has the earliest 20 of its lost calls as examples', () => {
  const calls = new CallAudit()
  calls.add(
    range(30)
      .reverse()
      .map((index) => sentBy(index)),
  )
  expect(calls.report().services.gateway?.examples.map(({ request_id }) => request_id)).toEqual(
    range(20).map((index) => `${request(index)}000`),
  )
})

test('messages that a broker refused are not lost', () => {
  const calls = new CallAudit()
  calls.add([
    sentBy(1, 5),
    receivedFrom(1, 1),
    { kind: 'unsent', trace_id: 'abc-123', request_id: `${request(1)}000`, first: 2, last: 4 },
  ])
  expect(calls.report().services.gateway?.examples).toMatchObject([{ call: 5, of: 5 }])
})

test('a trace id and its W3C form are one trace', () => {
  const calls = new CallAudit()
  const received = { ...receivedFrom(1), trace_id: '5942d94f-5248-82e0-f29b-f0a1e5a6dcc9' }
  calls.add([sentBy(1), received])
  expect(calls.report()).toMatchObject({ sent: 1, lost: 0 })
})
