import fc from 'fast-check'
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import { ThroughlineError } from '../../src/errors.ts'
import type { LocatedEntry } from '../../src/logs/log-entry.ts'
import { readLogs } from '../read-logs.ts'
import { runCommand } from '../cli/_run-command.ts'
import { T0 } from '../log-arbitraries.ts'
import { Gathered } from '../run-audit.ts'
import { damagedLog, type DamagedLog } from './_damage.ts'
import { addRow, count, share } from './_fault-row.ts'
import { tempFile } from './_program.ts'
import { RUNS } from './_run-counts.ts'

/** The reader cuts longer lines. */
const MAX_LINE_LENGTH = 1_048_576
const DAY_MS = 86_400_000

async function readEntries(file: string): Promise<LocatedEntry[]> {
  const entries: LocatedEntry[] = []
  for await (const batch of readLogs([file])) entries.push(...batch)
  return entries
}

/** The numbers of the lines that are not blank. */
function lineNumbers(bytes: Buffer): number[] {
  const numbers: number[] = []
  for (let start = 0, line = 1; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(10, start)
    const end = feed === -1 ? bytes.length : feed
    if (bytes.toString('utf8', start, Math.min(end, start + MAX_LINE_LENGTH)).trim() !== '') numbers.push(line)
    start = end + 1
  }
  return numbers
}

/** The requests of a log whose lines are intact. */
interface IntactRequests {
  readonly ended: number
  readonly open: number
  /** Open requests that the audit lists under gaps instead of stuck, because of another request's partial line. */
  readonly cleared: number
}

/** Fails unless every line is counted and every request with intact lines is reported correctly. */
function expectCorrectReport(entries: readonly LocatedEntry[], { bytes, log, victims }: DamagedLog): IntactRequests {
  expect([...new Set(entries.map(({ line }) => line))]).toEqual(lineNumbers(bytes))
  const report = new Gathered()
    .add(entries)
    .report({ table: log.table, now: T0 + DAY_MS, limits: parseStuckThresholds(log.table, ['1ms']) })
  const { lines, other_lines, damaged_lines } = report.checked
  expect([lines, lines - other_lines - damaged_lines]).toEqual([
    entries.length,
    entries.filter(({ kind }) => kind === 'record').length,
  ])
  const idsOf = (findings: readonly { readonly request_id: string }[]): ReadonlySet<string> =>
    new Set(findings.map(({ request_id }) => request_id))
  const [stuck, invalid, gaps] = [idsOf(report.stuck), idsOf(report.invalid), idsOf(report.gaps)]
  const intact = log.requests.filter(({ requestId }) => !victims.has(requestId))
  const [ended, open] = [intact.filter((request) => request.ended), intact.filter((request) => !request.ended)]
  expect(
    intact.filter(({ requestId }) => invalid.has(requestId)),
    'intact but invalid',
  ).toEqual([])
  expect(
    ended.filter(({ requestId }) => stuck.has(requestId) || gaps.has(requestId)),
    'ended but reported',
  ).toEqual([])
  // A partial line may be attributed to an open request, which then has a gap.
  expect(
    open.filter(({ requestId }) => !stuck.has(requestId) && !gaps.has(requestId)),
    'open but not reported',
  ).toEqual([])
  const cleared = open.filter(({ requestId }) => gaps.has(requestId)).length
  expect(cleared).toBeLessThanOrEqual(
    entries.filter((entry) => entry.kind === 'damaged' && entry.fragment !== undefined).length,
  )
  return { ended: ended.length, open: open.length, cleared }
}

describe('logs with damaged lines', () => {
  test('are read, every line is counted, and requests with intact lines are reported correctly', async (context) => {
    const file = tempFile('damaged.ndjson')
    let [lines, ended, open, cleared] = [0, 0, 0, 0]
    await fc.assert(
      fc.asyncProperty(damagedLog, async (damaged) => {
        writeFileSync(file, damaged.bytes)
        const entries = await readEntries(file)
        const intact = expectCorrectReport(entries, damaged)
        lines += entries.length
        ended += intact.ended
        open += intact.open
        cleared += intact.cleared
      }),
      { numRuns: RUNS.damagedLogs },
    )
    expect(ended).toBeGreaterThan(0)
    expect(open).toBeGreaterThan(0)
    addRow(context, {
      fault: 'logs with truncated, torn, spliced, bit-flipped, repeated and third-party lines',
      tried: `${count(RUNS.damagedLogs)} logs, ${count(lines)} lines`,
      lost: [
        'no request with intact lines was wrongly reported',
        `${share(cleared, open)} open ones were listed under gaps instead, cleared by another request's partial line`,
      ].join('; '),
    })
  })

  test('are accepted by every command', async () => {
    const file = tempFile('damaged.ndjson')
    await fc.assert(
      fc.asyncProperty(damagedLog, async ({ bytes, log }) => {
        writeFileSync(file, bytes)
        const trace = log.requests[0]?.traceId ?? ''
        const calls = await Promise.all([
          runCommand('audit', file),
          runCommand('audit', '--format', 'json', file),
          runCommand('story', trace, file),
          runCommand('story', '--format', 'mermaid', trace, file),
          runCommand('diagram', '--logs', file),
        ])
        for (const { status } of calls) expect(status).toBeLessThan(2)
      }),
      { numRuns: Math.ceil(RUNS.damagedLogs / 5) },
    )
  })
})

describe('a damaged gzip file', () => {
  test('that ends too early yields everything before its end', async (context) => {
    const file = tempFile('truncated.gz')
    let compared = 0
    await fc.assert(
      fc.asyncProperty(damagedLog, fc.noBias(fc.nat(1_000_000)), async ({ bytes }, position) => {
        const firstHalf = bytes.subarray(0, bytes.length >> 1)
        const firstMember = gzipSync(firstHalf)
        const compressed = Buffer.concat([firstMember, gzipSync(bytes.subarray(firstHalf.length))])
        const end = position % compressed.length
        writeFileSync(file, bytes)
        const all = await readEntries(file)
        writeFileSync(file, compressed.subarray(0, end))
        const read = await readEntries(file)
        // The last line may be incomplete.
        const lastLine = read.at(-1)?.line ?? 0
        const complete = read.filter(({ line }) => line < lastLine)
        expect(complete).toEqual(all.filter(({ line }) => line < lastLine))
        if (end >= firstMember.length) expect(lastLine).toBeGreaterThanOrEqual(lineNumbers(firstHalf).at(-1) ?? 0)
        compared += complete.length
      }),
      { numRuns: RUNS.damagedLogs },
    )
    expect(compared).toBeGreaterThan(0)
    addRow(context, {
      fault: 'gzip that ends too early',
      tried: `${count(RUNS.damagedLogs)} logs`,
      lost: 'everything after the end',
    })
  })

  test('with changed bytes is read, or rejected with its name', async (context) => {
    const file = tempFile('changed.gz')
    let rejected = 0
    await fc.assert(
      fc.asyncProperty(
        damagedLog,
        fc.array(fc.tuple(fc.noBias(fc.nat(1_000_000)), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        async ({ bytes }, changes) => {
          const compressed = gzipSync(bytes)
          for (const [position, bits] of changes) {
            const at = position % compressed.length
            compressed[at] = (compressed[at] ?? 0) ^ bits
          }
          writeFileSync(file, compressed)
          const failure: unknown = await readEntries(file).then(
            () => undefined,
            (error: unknown) => error,
          )
          const { status, err } = await runCommand('audit', file)
          expect(status === 2).toBe(failure !== undefined)
          if (failure === undefined) return
          rejected += 1
          expect(failure).toBeInstanceOf(ThroughlineError)
          expect(failure).toMatchObject({
            code: 'THROUGHLINE_LOG_UNREADABLE',
            message: expect.stringContaining(file) as string,
          })
          expect(err).toMatch(/^throughline: cannot read [^\n]*\n$/)
        },
      ),
      { numRuns: RUNS.damagedLogs },
    )
    expect(rejected).toBeGreaterThan(0)
    addRow(context, {
      fault: 'gzip with changed bytes',
      tried: `${count(RUNS.damagedLogs)} logs`,
      lost: `${share(rejected, RUNS.damagedLogs)} were rejected by name; of the rest, what could not be decompressed`,
    })
  })
})
