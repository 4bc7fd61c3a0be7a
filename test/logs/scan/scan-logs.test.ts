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
import { LogScan, type ScanOptions } from '../../../src/logs/scan/scan-logs.ts'
import { MAX_LINE_BYTES } from '../../../src/logs/split-lines.ts'
import { longLog, trueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'
import { slowAudit } from '../../audit/reference/slow-audit.ts'
import { damagedLog } from '../../faults/_damage.ts'

const folder = mkdtempSync(join(tmpdir(), 'throughline-scan-'))
afterAll(() => rmSync(folder, { recursive: true }))
const table = compile(requestMachine)
const now = 1_790_100_000_000

/** The lines of a text as they are numbered; of those that are too long, what is looked at. */
function linesIn(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(10, start)
    const end = feed === -1 ? bytes.length : feed
    lines.push(bytes.toString('utf8', start, Math.min(end, start + MAX_LINE_BYTES)))
    start = end + 1
  }
  return lines
}

/** What was read, line by line: what it holds does not matter here. */
async function counted(names: readonly string[], options: ScanOptions): Promise<{ lines: number; records: number; times: number[] }> {
  const logs = new LogScan(names, { threads: 0, ...options })
  const read = { lines: 0, records: 0, times: [] as number[] }
  for await (const { lines, batch, startTime } of logs.blocks()) {
    read.lines += lines
    read.records += batch.count
    read.times.push(startTime)
  }
  logs.close()
  return read
}

describe('log files', () => {
  test('give the same answer in pieces of any size, by any number of threads, packed or not', async () => {
    const pieces = fc.record({ blockBytes: fc.constantFrom(100, 700, 5_000, 1_000_000), threads: fc.constantFrom(0, 1, 3), files: fc.integer({ min: 1, max: 4 }), packed: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.oneof(trueLog(requestMachine), longLog(requestMachine, false)), pieces, async ({ records }, { blockBytes, threads, files, packed }) => {
        const told: Record<string, string[]> = {}
        for (const [index, text] of linesOf(records).entries()) (told[join(folder, `${String(index % files)}.log`)] ??= []).push(text)
        for (const [name, lines] of Object.entries(told)) {
          const bytes = Buffer.from(lines.join('\n'))
          writeFileSync(name, packed ? gzipSync(bytes) : bytes)
        }
        const report = await auditFiles(Object.keys(told), { blockBytes, threads, now })
        expect(report).toEqual(slowAudit(told, { machine: table, now, stuckAfter: [] }))
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })

  test('that are damaged in every way are read line by line as ever', async () => {
    const name = join(folder, 'damaged.log')
    await fc.assert(
      fc.asyncProperty(damagedLog, fc.constantFrom(300, 4_000, 1_000_000), fc.boolean(), async ({ bytes }, blockBytes, packed) => {
        writeFileSync(name, packed ? gzipSync(bytes) : bytes)
        const report = await auditFiles([name], { blockBytes, threads: 0, now })
        expect(report.checked).toEqual(slowAudit({ [name]: linesIn(bytes) }, { machine: table, now, stuckAfter: [] }).checked)
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })

  test('that end anywhere give the lines that are whole', async () => {
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

  test('of lines as short as can be, and of many in one, lose none', async () => {
    const short = (n: number): string => `{"level":30,"time":1790000000${String(100 + (n % 900))},"lifecycle":"note","state":"R","trace_id":"${String(n)}","request_id":"b7ad6b7169203331","msg":""}`
    const lines = Array.from({ length: 3_000 }, (_, n) => (n % 100 === 99 ? `${short(n)}${short(n + 3_000)}` : short(n)))
    const name = join(folder, 'short.log')
    writeFileSync(name, lines.join('\n'))
    for (const blockBytes of [1_000, 10_000, 1_000_000]) expect(await counted([name], { blockBytes })).toMatchObject({ lines: 3_000, records: 3_030 })
  })

  test('are read in order of time, whatever they are called', async () => {
    const line = (time: number): string => linesOf([{ lifecycle: 'note', time, service: 'api', trace_id: 'abc', request_id: 'b7ad6b7169203331', state: 'Received', event: 'X' }])[0] ?? ''
    const names = [5_000, 1_000, 3_000].map((time, index) => {
      const name = join(folder, `time-${String(index)}.log`)
      writeFileSync(name, `${line(1_790_000_000_000 + time)}\n${line(1_790_000_000_000 + time + 1_000)}\n`)
      return name
    })
    const { times } = await counted(names, { blockBytes: 200 })
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBe(1_790_000_001_000)
  })
})

describe('a file that changes while it is read', () => {
  const lines = linesOf(fc.sample(longLog(requestMachine, true), { numRuns: 1, seed: 11 })[0]?.records ?? [])
  const bytes = Buffer.from(`${lines.join('\n')}\n`)

  /** What is read where something is done to the file after the first block. */
  async function readWhile(act: (name: string) => void): Promise<number> {
    const name = join(folder, 'changing.log')
    writeFileSync(name, bytes)
    let done = false
    const { records } = await counted([name], {
      blockBytes: 1_000,
      onProgress: () => {
        if (!done) act(name)
        done = true
      },
    })
    expect(done).toBe(true)
    return records
  }

  test('loses no line by being renamed and made anew, as rotation does', async () => {
    const all = await readWhile((name) => {
      renameSync(name, `${name}.1`)
      writeFileSync(name, 'another log\n')
    })
    expect(all).toBe(lines.length)
  })

  test('loses no line by being packed and removed', async () => {
    const all = await readWhile((name) => {
      writeFileSync(`${name}.gz`, gzipSync(readFileSync(name)))
      rmSync(name)
    })
    expect(all).toBe(lines.length)
  })

  test('loses no line that was there by growing', async () => {
    expect(await readWhile((name) => appendFileSync(name, bytes))).toBeGreaterThanOrEqual(lines.length)
  })

  test('is read as far as it goes where it is truncated', async () => {
    const all = await readWhile((name) => truncateSync(name, 2_000))
    expect(all).toBeGreaterThan(0)
    expect(all).toBeLessThan(lines.length)
  })
})
