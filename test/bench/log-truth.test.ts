import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AuditReport } from '../../src/audit/report.ts'
import { creationTime, isRequestId, isTraceId } from '../../src/trace/trace-id.ts'
import { readRecord } from '../../src/record/line.ts'
import { runCommand } from '../cli/_run-command.ts'
import { logOptions, madeLog, type MadeLog } from './_logs.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'throughline-made-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function audited({ files, truth }: MadeLog): Promise<AuditReport> {
  const paths = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), text, 'latin1')
    return join(folder, name)
  })
  const { out } = await runCommand('audit', '--format', 'json', '--now', String(truth.now), ...paths)
  // The cast names what the command prints, which its own tests hold it to.
  return JSON.parse(out) as AuditReport
}

function byRequest(a: { readonly request_id: string }, b: { readonly request_id: string }): number {
  return a.request_id < b.request_id ? -1 : 1
}

describe('what a made log is said to hold', () => {
  test('is what an audit finds in it', async () => {
    await fc.assert(
      fc.asyncProperty(logOptions, async (options) => {
        const log = madeLog(options)
        const { truth } = log
        const report = await audited(log)
        const { lines, transitions, requests, traces, other_lines } = truth
        expect(report.checked).toEqual({ lines, transitions, requests, traces, other_lines, damaged_lines: 0 })
        expect(report).toMatchObject({ invalid: [], gaps: [], duplicates: truth.duplicates })
        expect(Object.fromEntries(Object.entries(report.states).map(([state, { entered }]) => [state, entered]))).toEqual(truth.entered)
        const found = report.stuck.map(({ trace_id, request_id, service, state, since }) => ({ trace_id, request_id, service, state, since }))
        expect(found.sort(byRequest)).toEqual([...truth.stuck].sort(byRequest))
      }),
      { numRuns: 80 },
    )
  })

  test('is as much as was asked for', () => {
    fc.assert(
      fc.property(logOptions, fc.nat(20), (options, stuck) => {
        const { truth } = madeLog({ ...options, crashes: 0, stuck })
        expect(truth.requests).toBe(options.requests)
        expect(truth.stuck).toHaveLength(Math.min(stuck, truth.requests))
      }),
    )
  })

  test.each([{}, { asyncShare: 0.9, others: 0.5, files: 8 }])('is about as many bytes as were asked for: %o', (options) => {
    const { truth, files } = madeLog({ ...options, bytes: 3e6 })
    expect(truth.bytes).toBe(Object.values(files).join('').length)
    expect(Math.abs(truth.bytes / 3e6 - 1)).toBeLessThan(0.05)
  })

  test('are the lines of the traces that are named, where they are', () => {
    fc.assert(
      fc.property(logOptions, (options) => {
        const { lines, truth } = madeLog({ ...options, requests: 300, services: ['gateway', 'auth', 'worker'] })
        const traces = lines.map(({ text }) => (JSON.parse(text) as { readonly trace_id?: string }).trace_id)
        expect(truth.sample.map(({ place }) => place)).toEqual(['early', 'middle', 'late'])
        for (const { trace_id, lines: amount } of truth.sample) expect(traces.filter((id) => id === trace_id)).toHaveLength(amount)
        const places = truth.sample.map(({ trace_id }) => traces.indexOf(trace_id) / traces.length)
        expect(places).toEqual([...places].sort((a, b) => a - b))
        expect(places[0]).toBeLessThan(0.3)
      }),
      { numRuns: 50 },
    )
  })

  test('are requests that a killed process had open', () => {
    const { truth } = madeLog({ requests: 2_000, stuck: 0, crashes: 5, files: 8 })
    expect(truth.stuck.length).toBeGreaterThan(0)
    expect(madeLog({ requests: 2_000, stuck: 0, files: 8 }).truth.stuck).toEqual([])
  })

  test('stays so where lines are damaged: an audit finds nothing else, but where a line was lost', async () => {
    await fc.assert(
      fc.asyncProperty(logOptions, fc.constantFrom(0.01, 0.1), async (options, damage) => {
        const whole = madeLog(options).truth
        const log = madeLog({ ...options, damage })
        const { damaged_lines, bytes, touched, ...rest } = log.truth
        expect({ ...rest, damaged_lines: 0, bytes: whole.bytes, touched: [] }).toEqual(whole)
        expect(bytes <= whole.bytes && touched.length <= damaged_lines).toBe(true)
        const known = new Set([...rest.stuck.map(({ request_id }) => request_id), ...touched])
        const { stuck } = await audited(log)
        expect(stuck.filter(({ request_id }) => !known.has(request_id))).toEqual([])
      }),
      { numRuns: 50 },
    )
  })
})

test('damage is done to as many lines as asked for, in all three ways', () => {
  const { lines, truth } = madeLog({ requests: 3_000, damage: 0.1 })
  const whole = madeLog({ requests: 3_000 }).lines
  const changed = lines.filter(({ text }, index) => text !== whole[index]?.text)
  expect(changed.length).toBeGreaterThan(0.98 * truth.damaged_lines)
  expect(Math.abs(truth.damaged_lines / truth.lines - 0.1)).toBeLessThan(0.02)
  const [cut, overwritten, joined] = [
    lines.filter(({ text }, index) => text.length < (whole[index]?.text.length ?? 0) && text.endsWith('\n')),
    lines.filter(({ text }, index) => text.length === whole[index]?.text.length && text !== whole[index].text),
    lines.filter(({ text }) => !text.endsWith('\n')),
  ]
  for (const some of [cut, overwritten, joined]) expect(some.length).toBeGreaterThan(0.2 * truth.damaged_lines)
  expect(lines.every(({ text }) => /^[\0-\xff]+$/.test(text) && !text.slice(0, -1).includes('\n'))).toBe(true)
})

test('repeats and lines of others are as many as asked for', () => {
  const { truth } = madeLog({ requests: 3_000, repeats: 0.2, others: 0.3 })
  expect(Math.abs(truth.repeats / (truth.lines - truth.repeats) - 0.2)).toBeLessThan(0.03)
  expect(Math.abs(truth.other_lines / truth.lines - 0.3)).toBeLessThan(0.03)
})

test('ids are of the kind that was asked for, and those of version 7 tell when the trace was born', () => {
  fc.assert(
    fc.property(logOptions, (options) => {
      const { lines, truth } = madeLog({ ...options, repeats: 0, others: 0 })
      const records = lines.map(({ text }) => readRecord(JSON.parse(text))).filter((record) => typeof record === 'object').filter((record) => record.lifecycle === 'transition')
      for (const { trace_id, request_id } of records) {
        expect(isTraceId(trace_id) && isRequestId(request_id)).toBe(true)
        expect(trace_id).toMatch({ v7: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, v4: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, text: /^order-/ }[options.idKind ?? 'v7'])
      }
      const first = records.filter(({ seq, parent_id }) => seq === 0 && parent_id === undefined)
      expect(first).toHaveLength(truth.traces)
      if (options.idKind === 'v7') for (const { trace_id, time } of first) expect(creationTime(trace_id)).toBe(time)
    }),
    { numRuns: 30 },
  )
})
