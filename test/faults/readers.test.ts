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
import { BUDGET } from './_budget.ts'
import { damagedLog, type DamagedLog } from './_damage.ts'
import { fileNamed } from './_program.ts'
import { count, share, tell } from './_server-stats.ts'

const LONGEST_LINE = 1_048_576

async function entriesOf(file: string): Promise<LocatedEntry[]> {
  const entries: LocatedEntry[] = []
  for await (const batch of readLogs([file])) entries.push(...batch)
  return entries
}

/** The numbers of the lines that are not blank. */
function linesIn(bytes: Buffer): number[] {
  const numbers: number[] = []
  for (let start = 0, line = 1; start < bytes.length; line += 1) {
    const feed = bytes.indexOf(10, start)
    const end = feed === -1 ? bytes.length : feed
    if (bytes.toString('utf8', start, Math.min(end, start + LONGEST_LINE)).trim() !== '') numbers.push(line)
    start = end + 1
  }
  return numbers
}

/** Every line that is not blank is counted, and each whole line's request is judged as it is. */
function expectJudged(entries: readonly LocatedEntry[], { bytes, log, victims }: DamagedLog): number {
  expect([...new Set(entries.map(({ line }) => line))]).toEqual(linesIn(bytes))
  const report = new Gathered()
    .add(entries)
    .report({ table: log.table, now: T0 + 86_400_000, limits: parseStuckThresholds(log.table, ['1ms']) })
  const { lines, other_lines, damaged_lines } = report.checked
  expect([lines, lines - other_lines - damaged_lines]).toEqual([
    entries.length,
    entries.filter(({ kind }) => kind === 'record').length,
  ])
  const named = ({ stuck, invalid, gaps }: typeof report): Set<string>[] =>
    [stuck, invalid, gaps].map(
      (found: readonly { request_id: string }[]) => new Set(found.map(({ request_id }) => request_id)),
    )
  const [stuck = new Set(), invalid = new Set(), gaps = new Set()] = named(report)
  const whole = log.requests.filter(({ requestId }) => !victims.has(requestId))
  expect(
    whole.filter(({ requestId }) => invalid.has(requestId)),
    'no line of others makes one invalid',
  ).toEqual([])
  expect(
    whole.filter(({ ended, requestId }) => ended && (stuck.has(requestId) || gaps.has(requestId))),
    'nor one that has ended stuck',
  ).toEqual([])
  // What is left of a damaged line may speak for a request that hangs, and shows as a gap.
  expect(
    whole.filter(({ ended, requestId }) => !ended && !stuck.has(requestId) && !gaps.has(requestId)),
    'and one that hangs is not hidden',
  ).toEqual([])
  const acquitted = whole.filter(({ ended, requestId }) => !ended && gaps.has(requestId)).length
  expect(acquitted).toBeLessThanOrEqual(
    entries.filter((entry) => entry.kind === 'damaged' && entry.fragment !== undefined).length,
  )
  return acquitted
}

describe('logs that are damaged in every way', () => {
  test('are read, every line is counted, and requests whose lines are whole are judged as ever', async (context) => {
    const file = fileNamed('damaged.ndjson')
    let [lines, open, acquitted] = [0, 0, 0]
    await fc.assert(
      fc.asyncProperty(damagedLog, async (damaged) => {
        writeFileSync(file, damaged.bytes)
        const entries = await entriesOf(file)
        lines += entries.length
        open += damaged.log.requests.filter(({ ended, requestId }) => !ended && !damaged.victims.has(requestId)).length
        acquitted += expectJudged(entries, damaged)
      }),
      { numRuns: BUDGET.logs },
    )
    tell(context, {
      fault: 'logs with lines that are cut, torn, spliced, flipped, doubled or not ours',
      tried: `${count(BUDGET.logs)} logs, ${count(lines)} lines`,
      lost: `no request is accused whose lines are whole; of those that hang ${share(acquitted, open)} are judged by what was left of another's line, and listed under gaps`,
    })
  })

  test('are taken by every command', async () => {
    const file = fileNamed('damaged.ndjson')
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
      { numRuns: Math.ceil(BUDGET.logs / 5) },
    )
  })
})

describe('gzip that is damaged', () => {
  test('by its end gives what was before it', async (context) => {
    const file = fileNamed('cut.gz')
    await fc.assert(
      fc.asyncProperty(damagedLog, fc.noBias(fc.double({ min: 0, max: 1, noNaN: true })), async ({ bytes }, where) => {
        const half = bytes.length >> 1
        const whole = Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))])
        writeFileSync(file, bytes)
        const all = await entriesOf(file)
        writeFileSync(file, whole.subarray(0, Math.floor(where * whole.length)))
        const had = await entriesOf(file)
        // The last line may be cut.
        const last = had.at(-1)?.line ?? 0
        expect(had.filter(({ line }) => line < last)).toEqual(all.filter(({ line }) => line < last))
      }),
      { numRuns: BUDGET.logs },
    )
    tell(context, {
      fault: 'gzip that ends too soon',
      tried: `${count(BUDGET.logs)} logs`,
      lost: 'what stood behind the end',
    })
  })

  test('anywhere is read, or refused by its name', async (context) => {
    const file = fileNamed('flipped.gz')
    let refused = 0
    await fc.assert(
      fc.asyncProperty(
        damagedLog,
        fc.array(fc.tuple(fc.noBias(fc.nat(1_000_000)), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        async ({ bytes }, flips) => {
          const whole = gzipSync(bytes)
          for (const [at, bits] of flips) whole[at % whole.length] = (whole[at % whole.length] ?? 0) ^ bits
          writeFileSync(file, whole)
          const failed: unknown = await entriesOf(file).then(
            () => undefined,
            (error: unknown) => error,
          )
          const { status, err } = await runCommand('audit', file)
          expect(status === 2).toBe(failed !== undefined)
          if (failed === undefined) return
          refused += 1
          expect(failed).toBeInstanceOf(ThroughlineError)
          expect(failed).toMatchObject({
            code: 'THROUGHLINE_LOG_UNREADABLE',
            message: expect.stringContaining(file) as string,
          })
          expect(err).toMatch(/^throughline: cannot read [^\n]*\n$/)
        },
      ),
      { numRuns: BUDGET.logs },
    )
    tell(context, {
      fault: 'gzip with bytes changed',
      tried: `${count(BUDGET.logs)} logs`,
      lost: `${share(refused, BUDGET.logs)} are refused by name; of the rest what could not be unpacked`,
    })
  })
})
