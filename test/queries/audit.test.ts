import { randomBytes, randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { audit, auditFiles, foundWrong } from '../../src/queries/audit.ts'
import { folderOf } from '../cli/_run-command.ts'
import { BEGUN, ndjson, note, QUEUED, REQUEST, SYNC, transition, transitions } from '../sample-log.ts'
import { formsOf } from './_forms.ts'

const RECORDS = [
  ...transitions(QUEUED),
  note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker', time: BEGUN + 4_000 }),
  ...transitions(SYNC, { request_id: 'b7ad6b7169203332' }, 10),
  transition({ request_id: 'b7ad6b7169203333', state: 'Queued' }),
]
const LOG = `${ndjson(RECORDS)}hello\n\n{"msg":"third-party"}\n{"lifecycle":"transition","trace_id":"torn\n`
const NOW = BEGUN + 1e9

describe('lines of a program give the same audit as a file', () => {
  test.each(formsOf(LOG))('%s', async (_, lines) => {
    const file = folderOf({ 'a.log': LOG })('a.log')
    const whole = await auditFiles([file], { now: NOW })
    expect(whole).toMatchObject({
      checked: { requests: 3, other_lines: 2, damaged_lines: 1 },
      invalid: [{ file, line: 10 }],
    })
    expect(await audit(lines, { now: NOW })).toEqual({
      ...whole,
      invalid: whole.invalid.map((entry) => ({ ...entry, file: '' })),
    })
  })

  test('records', async () => {
    const file = folderOf({ 'a.log': ndjson(RECORDS) })('a.log')
    const whole = await auditFiles([file], { now: NOW })
    expect(await audit(RECORDS, { now: NOW })).toEqual({
      ...whole,
      invalid: whole.invalid.map((entry) => ({ ...entry, file: '' })),
    })
  })

  test('in several batches', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) =>
      transition({ request_id: `b7ad6b71692${10_000 + index}`, time: BEGUN + index }),
    )
    const { checked, stuck } = await audit(many, { now: BEGUN + 12_999 })
    expect([checked.lines, checked.requests, stuck.length]).toEqual([3_000, 3_000, 2_999])
  })

  test('no lines', async () => {
    expect(await audit([])).toMatchObject({ checked: { lines: 0, requests: 0 }, stuck: [], invalid: [] })
  })

  test('bytes followed by a string are rejected', async () => {
    await expect(audit([Buffer.from('{}\n'), '{}'])).rejects.toThrow(
      'lines that start with bytes must contain only bytes',
    )
  })

  test('the iterator is closed if the audit fails', async () => {
    const iterator = { closed: false }
    function* lines(): Generator<string | object> {
      try {
        yield Buffer.from('{}\n')
        yield 'text'
      } finally {
        iterator.closed = true
      }
    }
    await expect(audit(lines())).rejects.toThrow(TypeError)
    expect(iterator.closed).toBe(true)
  })
})

describe('options', () => {
  test('have the same meaning as the flags of the command', async () => {
    const log = transitions(QUEUED)
    expect((await audit(log, { now: BEGUN + 4_001, stuckAfter: ['1s'] })).stuck).toMatchObject([
      { request_id: REQUEST, stuck_after_ms: 1_000 },
    ])
    expect((await audit(log, { now: 'end', stuckAfter: ['1s', 'Queued=15m'] })).now).toBe(BEGUN + 3_000)
    const failed = [
      ...transitions(['AUTH_OK']),
      transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' }),
    ]
    expect(foundWrong(await audit(failed, { now: 'end' }))).toBe(true)
    expect(foundWrong(await audit(failed, { now: 'end', machine: requestWithRetriesMachine }))).toBe(false)
  })

  test('are rejected with the same error codes', async () => {
    await expect(audit([], { stuckAfter: ['soon'] })).rejects.toMatchObject({ code: 'THROUGHLINE_BAD_DURATION' })
    await expect(audit([], { stuckAfter: ['Nowhere=1s'] })).rejects.toMatchObject({ code: 'THROUGHLINE_BAD_STATE' })
    await expect(auditFiles(['/no/such.log'])).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })
})

describe('compressed files', () => {
  test('with a corruption are reported once and counted once, in any number of passes', async () => {
    const file = folderOf({
      'torn.gz': Buffer.concat([gzipSync(ndjson(transitions(QUEUED))), Buffer.from('no gzip')]),
      'a.log': ndjson(transitions(SYNC)),
    })
    const sentences: string[] = []
    const report = await auditFiles([file('*')], { now: 'end', onDamage: (sentence) => void sentences.push(sentence) })
    expect(sentences).toEqual([expect.stringMatching(/torn\.gz is corrupted/)])
    expect(report.checked).toMatchObject({ lines: 9, damaged_lines: 1 })
    expect((await auditFiles([file('torn.gz')], { now: 'end' })).checked.damaged_lines).toBe(1)
  })

  test('are read completely after their first time was read in advance', async () => {
    const random = Array.from({ length: 8_000 }, (_, index) =>
      transition({
        trace_id: randomUUID(),
        request_id: `b7ad6b71692${10_000 + index}`,
        state: 'Failed',
        data: randomBytes(40).toString('hex'),
      }),
    )
    const file = folderOf({
      'a.gz': gzipSync(ndjson(random)),
      'b.gz': gzipSync(ndjson(random.map((record) => ({ ...record, time: BEGUN + 1 })))),
    })
    expect((await auditFiles([file('*')], { now: 'end' })).checked).toMatchObject({ lines: 16_000, requests: 8_000 })
  })
})
