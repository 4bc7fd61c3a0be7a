import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { creationTime, isRequestId, isTraceId } from '../../src/trace/trace-id.ts'
import { readRecord } from '../../src/record/line.ts'
import { runCommand } from '../cli/_run-command.ts'
import { logOptions, logsInMemory, type LogsInMemory } from './_logs-in-memory.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'throughline-generated-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function runAudit({ files, expected }: LogsInMemory): Promise<AuditReport> {
  const paths = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), text, 'latin1')
    return join(folder, name)
  })
  const { out } = await runCommand('audit', '--format', 'json', '--now', String(expected.now), ...paths)
  // The cast is safe: the command's own tests check its output.
  return JSON.parse(out) as AuditReport
}

function byRequest(a: { readonly request_id: string }, b: { readonly request_id: string }): number {
  return a.request_id < b.request_id ? -1 : 1
}

describe('the expected results', () => {
  test('are those that an audit finds', async () => {
    await fc.assert(
      fc.asyncProperty(logOptions, async (options) => {
        const logs = logsInMemory(options)
        const { expected } = logs
        const report = await runAudit(logs)
        const { lines, transitions, requests, traces, other_lines } = expected
        expect(report.checked).toEqual({ lines, transitions, requests, traces, other_lines, damaged_lines: 0 })
        expect(report).toMatchObject({ invalid: [], gaps: [], duplicates: expected.duplicates })
        expect(
          Object.fromEntries(Object.entries(report.states).map(([state, { entered }]) => [state, entered])),
        ).toEqual(expected.entered)
        const found = report.stuck.map(({ trace_id, request_id, service, state, since }) => ({
          trace_id,
          request_id,
          service,
          state,
          since,
        }))
        expect(found.sort(byRequest)).toEqual([...expected.stuck].sort(byRequest))
      }),
      { numRuns: 80 },
    )
  })

  test('have the requested number of requests, stuck ones included', () => {
    fc.assert(
      fc.property(logOptions, fc.nat(20), (options, stuck) => {
        const { expected } = logsInMemory({ ...options, crashes: 0, stuck })
        expect(expected.requests).toBe(options.requests)
        expect(expected.stuck).toHaveLength(Math.min(stuck, expected.requests))
      }),
    )
  })

  test.each([{}, { asyncShare: 0.9, others: 0.5, files: 8 }])(
    'have about the requested number of bytes: %o',
    (options) => {
      const { expected, files } = logsInMemory({ ...options, bytes: 3e6 })
      expect(expected.bytes).toBe(Object.values(files).join('').length)
      expect(Math.abs(expected.bytes / 3e6 - 1)).toBeLessThan(0.05)
    },
  )

  test('count the lines of sample traces, which start early, in the middle and late', () => {
    fc.assert(
      fc.property(logOptions, (options) => {
        const { lines, expected } = logsInMemory({ ...options, requests: 300, services: ['gateway', 'auth', 'worker'] })
        const traces = lines.map(({ text }) => (JSON.parse(text) as { readonly trace_id?: string }).trace_id)
        expect(expected.samples.map(({ place }) => place)).toEqual(['early', 'middle', 'late'])
        for (const { trace_id, lines: count } of expected.samples)
          expect(traces.filter((id) => id === trace_id)).toHaveLength(count)
        const places = expected.samples.map(({ trace_id }) => traces.indexOf(trace_id) / traces.length)
        expect(places).toEqual([...places].sort((a, b) => a - b))
        expect(places[0]).toBeLessThan(0.3)
      }),
      { numRuns: 50 },
    )
  })

  test('include the requests that a killed process had open', () => {
    const { expected } = logsInMemory({ requests: 2_000, stuck: 0, crashes: 5, files: 8 })
    expect(expected.stuck.length).toBeGreaterThan(0)
    expect(logsInMemory({ requests: 2_000, stuck: 0, files: 8 }).expected.stuck).toEqual([])
  })

  test('still hold for damaged logs, except for requests that lost a part of a line', async () => {
    await fc.assert(
      fc.asyncProperty(logOptions, fc.constantFrom(0.01, 0.1), async (options, damage) => {
        const intact = logsInMemory(options).expected
        const logs = logsInMemory({ ...options, damage })
        const { damaged_lines, bytes, lossy_requests, ...rest } = logs.expected
        expect({ ...rest, damaged_lines: 0, bytes: intact.bytes, lossy_requests: [] }).toEqual(intact)
        expect(bytes <= intact.bytes && lossy_requests.length <= damaged_lines).toBe(true)
        const allowed = new Set([...rest.stuck.map(({ request_id }) => request_id), ...lossy_requests])
        const { stuck } = await runAudit(logs)
        expect(stuck.filter(({ request_id }) => !allowed.has(request_id))).toEqual([])
      }),
      { numRuns: 50 },
    )
  })
})

test('damage affects the requested share of lines, in all three ways', () => {
  const { lines, expected } = logsInMemory({ requests: 3_000, damage: 0.1 })
  const intact = logsInMemory({ requests: 3_000 }).lines
  const changed = lines.filter(({ text }, index) => text !== intact[index]?.text)
  expect(changed.length).toBeGreaterThan(0.98 * expected.damaged_lines)
  expect(Math.abs(expected.damaged_lines / expected.lines - 0.1)).toBeLessThan(0.02)
  const [truncated, overwritten, joined] = [
    lines.filter(({ text }, index) => text.length < (intact[index]?.text.length ?? 0) && text.endsWith('\n')),
    lines.filter(({ text }, index) => text.length === intact[index]?.text.length && text !== intact[index].text),
    lines.filter(({ text }) => !text.endsWith('\n')),
  ]
  for (const some of [truncated, overwritten, joined]) expect(some.length).toBeGreaterThan(0.2 * expected.damaged_lines)
  expect(lines.every(({ text }) => /^[\0-\xff]+$/.test(text) && !text.slice(0, -1).includes('\n'))).toBe(true)
})

test('repeats and third-party lines have the requested share', () => {
  const { expected } = logsInMemory({ requests: 3_000, repeats: 0.2, others: 0.3 })
  expect(Math.abs(expected.repeats / (expected.lines - expected.repeats) - 0.2)).toBeLessThan(0.03)
  expect(Math.abs(expected.other_lines / expected.lines - 0.3)).toBeLessThan(0.03)
})

test('ids are of the requested kind, and UUIDv7 ids contain the start of the trace', () => {
  fc.assert(
    fc.property(logOptions, (options) => {
      const { lines, expected } = logsInMemory({ ...options, repeats: 0, others: 0 })
      const records = lines
        .map(({ text }) => readRecord(JSON.parse(text)))
        .filter((record) => typeof record === 'object')
        .filter((record) => record.lifecycle === 'transition')
      for (const { trace_id, request_id } of records) {
        expect(isTraceId(trace_id) && isRequestId(request_id)).toBe(true)
        expect(trace_id).toMatch(
          {
            v7: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
            v4: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
            text: /^order-/,
          }[options.idKind ?? 'v7'],
        )
      }
      const first = records.filter(({ seq, parent_id }) => seq === 0 && parent_id === undefined)
      expect(first).toHaveLength(expected.traces)
      if (options.idKind === 'v7') for (const { trace_id, time } of first) expect(creationTime(trace_id)).toBe(time)
    }),
    { numRuns: 30 },
  )
})
