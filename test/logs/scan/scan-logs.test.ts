import fc from 'fast-check'
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { auditFiles } from 'throughline/audit'
import { requestMachine } from '../../../machines/request.ts'
import type { AuditReport } from '../../../src/audit/report.ts'
import { compile } from '../../../src/machine/compile.ts'
import { openLogs } from '../../../src/logs/files/open.ts'
import { scanLogs, type ScanOptions } from '../../../src/logs/scan/scan-logs.ts'
import { MAX_LINE_BYTES } from '../../../src/logs/split-lines.ts'
import { longLog, trueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { slowAudit } from '../../audit/reference/slow-audit.ts'
import { damagedLog } from '../../faults/_damage.ts'

const folder = mkdtempSync(join(tmpdir(), 'throughline-scan-'))
afterAll(() => rmSync(folder, { recursive: true }))
const table = compile(requestMachine)
const now = 1_790_100_000_000

/** The lines of a log as they are numbered. Lines that are too long are cut. */
function linesIn(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(10, start)
    const end = feed === -1 ? bytes.length : feed
    lines.push(bytes.toString('utf8', start, Math.min(end, start + MAX_LINE_BYTES)))
    start = end + 1
  }
  return lines
}

/** Counts lines and records, and collects the times of blocks. */
async function countLines(
  names: readonly string[],
  options: ScanOptions,
): Promise<{ lines: number; records: number; times: number[] }> {
  const logs = openLogs(names)
  const read = { lines: 0, records: 0, times: [] as number[] }
  for await (const { lines, batch, startTime } of scanLogs(logs, { threads: 0, ...options })) {
    read.lines += lines
    read.records += batch.count
    read.times.push(startTime)
  }
  logs.close()
  return read
}

describe('log files', () => {
  test('give the same report with blocks of any size and any number of threads, compressed or not', async () => {
    const reading = fc.record({
      blockBytes: fc.constantFrom(100, 700, 5_000, 1_000_000),
      threads: fc.constantFrom(0, 1, 3),
      files: fc.integer({ min: 1, max: 4 }),
      compressed: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(trueLog(requestMachine), longLog(requestMachine, false)),
        reading,
        async ({ records }, { blockBytes, threads, files, compressed }) => {
          const logs: Record<string, string[]> = {}
          for (const [index, text] of linesOf(records).entries())
            (logs[join(folder, `${index % files}.log`)] ??= []).push(text)
          for (const [name, lines] of Object.entries(logs)) {
            const bytes = Buffer.from(lines.join('\n'))
            writeFileSync(name, compressed ? gzipSync(bytes) : bytes)
          }
          const report = await auditFiles(Object.keys(logs), { blockBytes, threads, now })
          expect(report).toEqual(slowAudit(logs, { machine: table, now, stuckAfter: [] }))
        },
      ),
      { numRuns: 60, endOnFailure: true },
    )
  })

  test('that are damaged give the same counts as a reading line by line', async () => {
    const name = join(folder, 'damaged.log')
    await fc.assert(
      fc.asyncProperty(
        damagedLog,
        fc.constantFrom(300, 4_000, 1_000_000),
        fc.boolean(),
        async ({ bytes }, blockBytes, compressed) => {
          writeFileSync(name, compressed ? gzipSync(bytes) : bytes)
          const report = await auditFiles([name], { blockBytes, threads: 0, now })
          expect(report.checked).toEqual(
            slowAudit({ [name]: linesIn(bytes) }, { machine: table, now, stuckAfter: [] }).checked,
          )
        },
      ),
      { numRuns: 60, endOnFailure: true },
    )
  })

  test('that end at any byte give the same report as a reading line by line', async () => {
    const name = join(folder, 'cut.log')
    const [log] = fc.sample(trueLog(requestMachine), { numRuns: 1, seed: 7 })
    const whole = Buffer.from(linesOf(log?.records.slice(0, 6) ?? []).join('\n') + '\n')
    for (let end = 0; end <= whole.length; end += 1) {
      const bytes = whole.subarray(0, end)
      writeFileSync(name, bytes)
      const report: AuditReport = await auditFiles([name], { blockBytes: 400, threads: 0, now })
      expect(report).toEqual(slowAudit({ [name]: linesIn(bytes) }, { machine: table, now, stuckAfter: [] }))
    }
  })

  test('with the shortest lines, and with several records per line, lose no record', async () => {
    const short = (n: number): string =>
      `{"level":30,"time":1790000000${100 + (n % 900)},"lifecycle":"note","state":"R",` +
      `"trace_id":"${n}","request_id":"b7ad6b7169203331","msg":""}`
    const lines = Array.from({ length: 3_000 }, (_, n) =>
      n % 100 === 99 ? `${short(n)}${short(n + 3_000)}` : short(n),
    )
    const name = join(folder, 'short.log')
    writeFileSync(name, lines.join('\n'))
    for (const blockBytes of [1_000, 10_000, 1_000_000])
      expect(await countLines([name], { blockBytes })).toMatchObject({ lines: 3_000, records: 3_030 })
  })

  test('are read in order of time, with any names', async () => {
    const line = (time: number): string =>
      linesOf([
        {
          lifecycle: 'note',
          time,
          service: 'api',
          trace_id: 'abc',
          request_id: 'b7ad6b7169203331',
          state: 'Received',
          event: 'X',
        },
      ])[0] ?? ''
    const names = [5_000, 1_000, 3_000].map((time, index) => {
      const name = join(folder, `time-${index}.log`)
      writeFileSync(name, `${line(1_790_000_000_000 + time)}\n${line(1_790_000_000_000 + time + 1_000)}\n`)
      return name
    })
    const { times } = await countLines(names, { blockBytes: 200 })
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBe(1_790_000_001_000)
  })
})

describe('a file that changes while it is read', () => {
  const lines = linesOf(fc.sample(longLog(requestMachine, true), { numRuns: 1, seed: 11 })[0]?.records ?? [])
  const bytes = Buffer.from(`${lines.join('\n')}\n`)

  /** Changes the file after the first block, and returns the number of records that were read. */
  async function readWhile(change: (name: string) => void): Promise<number> {
    const name = join(folder, 'changing.log')
    writeFileSync(name, bytes)
    let done = false
    const { records } = await countLines([name], {
      blockBytes: 1_000,
      onProgress: () => {
        if (!done) change(name)
        done = true
      },
    })
    expect(done).toBe(true)
    return records
  }

  test('loses no line if it is renamed and replaced, as in a rotation', async () => {
    const all = await readWhile((name) => {
      renameSync(name, `${name}.1`)
      writeFileSync(name, 'another log\n')
    })
    expect(all).toBe(lines.length)
  })

  test('loses no line if it is compressed and removed', async () => {
    const all = await readWhile((name) => {
      writeFileSync(`${name}.gz`, gzipSync(readFileSync(name)))
      rmSync(name)
    })
    expect(all).toBe(lines.length)
  })

  test('loses no earlier line if it grows', async () => {
    expect(await readWhile((name) => appendFileSync(name, bytes))).toBeGreaterThanOrEqual(lines.length)
  })

  test('is read to its new end if it is truncated', async () => {
    const all = await readWhile((name) => truncateSync(name, 2_000))
    expect(all).toBeGreaterThan(0)
    expect(all).toBeLessThan(lines.length)
  })
})
