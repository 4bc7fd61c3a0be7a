import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FdWriter } from '../../src/sinks/fd-writer.ts'
import { stdoutSink } from '../../src/sinks/stdout.ts'
import { readRecord } from '../../src/record/line.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import type { Sink } from '../../src/record/sink.ts'
import { logOptions, logsInMemory } from './_logs-in-memory.ts'

let folder = ''
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'throughline-generated-'))))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The lines that the default sink writes for these records. */
function writeWithSink(records: readonly LifecycleRecord[]): string {
  const file = join(folder, 'sink.log')
  const fd = openSync(file, 'w')
  const destination = new FdWriter(fd)
  const sinks = new Map<string, Sink>()
  for (const record of records) {
    let sink = sinks.get(record.service)
    if (sink === undefined)
      sinks.set(
        record.service,
        (sink = stdoutSink(record.service, 'turn', (error) => expect.unreachable(String(error)), destination)),
      )
    sink.write(record)
  }
  destination.flush()
  closeSync(fd)
  return readFileSync(file, 'latin1')
}

test('generated lines are byte for byte those of the default sink', () => {
  const kinds = new Set<string>()
  fc.assert(
    fc.property(logOptions, (options) => {
      const text = logsInMemory({ ...options, others: 0 })
        .lines.map((line) => line.text)
        .join('')
      const records = text
        .trimEnd()
        .split('\n')
        .map((line) => {
          const record = readRecord(JSON.parse(line))
          if (typeof record === 'string') return expect.unreachable(line)
          kinds.add(
            [
              record.lifecycle,
              record.event,
              record.attempt === undefined ? '' : 'attempt',
              record.error === undefined ? '' : 'error',
            ].join(' '),
          )
          return record
        })
      expect(writeWithSink(records)).toBe(text)
    }),
    { numRuns: 60 },
  )
  for (const kind of [
    'transition PROCESS  ',
    'transition RESPOND  error',
    'note RESPOND  ',
    'note ATTEMPT attempt ',
    'transition COMPLETE attempt error',
  ]) {
    expect(kinds).toContain(kind)
  }
})

test('third-party lines are in the form that pino writes', () => {
  const { lines } = logsInMemory({ requests: 1_000, others: 0.5 })
  const thirdParty = lines.map(({ text }) => text).filter((text) => typeof readRecord(JSON.parse(text)) === 'string')
  expect(thirdParty.length).toBeGreaterThan(1_000)
  for (const text of thirdParty) expect(`${JSON.stringify(JSON.parse(text))}\n`).toBe(text)
})

test('the same seed gives the same bytes, another seed gives other bytes', () => {
  fc.assert(
    fc.property(logOptions, fc.constantFrom(0, 0.1), (options, damage) => {
      const logs = logsInMemory({ ...options, damage })
      expect(logsInMemory({ ...options, damage })).toEqual(logs)
      expect(logsInMemory({ ...options, damage, seed: (options.seed ?? 0) + 1 }).files).not.toEqual(logs.files)
    }),
    { numRuns: 30 },
  )
})

test('the lines of a file are in order of time, except repeated ones', () => {
  fc.assert(
    fc.property(logOptions, (options) => {
      const { lines } = logsInMemory({ ...options, repeats: 0, skew: {} })
      for (const file of new Set(lines.map((line) => line.file))) {
        const times = lines.filter((line) => line.file === file).map(({ time }) => time)
        expect(times).toEqual([...times].sort((a, b) => a - b))
      }
    }),
    { numRuns: 30 },
  )
})
