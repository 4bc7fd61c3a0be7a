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
const LOG = `${ndjson(RECORDS)}hello\n\n{"msg":"of others"}\n{"lifecycle":"transition","trace_id":"torn\n`
const NOW = BEGUN + 1e9

describe('lines of a program are audited as those of files are', () => {
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

  test('and so are records', async () => {
    const file = folderOf({ 'a.log': ndjson(RECORDS) })('a.log')
    const whole = await auditFiles([file], { now: NOW })
    expect(await audit(RECORDS, { now: NOW })).toEqual({
      ...whole,
      invalid: whole.invalid.map((entry) => ({ ...entry, file: '' })),
    })
  })

  test('in any number', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) =>
      transition({ request_id: `b7ad6b71692${String(10_000 + index)}`, time: BEGUN + index }),
    )
    const { checked, stuck } = await audit(many, { now: BEGUN + 12_999 })
    expect([checked.lines, checked.requests, stuck.length]).toEqual([3_000, 3_000, 2_999])
  })

  test('of which there are none give an empty report', async () => {
    expect(await audit([])).toMatchObject({ checked: { lines: 0, requests: 0 }, stuck: [], invalid: [] })
  })

  test('but bytes do not go on as text', async () => {
    await expect(audit([Buffer.from('{}\n'), '{}'])).rejects.toThrow('a log that begins with bytes goes on with bytes')
  })

  test('and who hands them over is told where reading ends before their end', async () => {
    const given = { ended: false }
    function* lines(): Generator<string | object> {
      try {
        yield Buffer.from('{}\n')
        yield 'text'
      } finally {
        given.ended = true
      }
    }
    await expect(audit(lines())).rejects.toThrow(TypeError)
    expect(given.ended).toBe(true)
  })
})

describe('what is asked', () => {
  test('is what the command asks', async () => {
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

  test('is refused as the command refuses it', async () => {
    await expect(audit([], { stuckAfter: ['soon'] })).rejects.toMatchObject({ code: 'THROUGHLINE_BAD_DURATION' })
    await expect(audit([], { stuckAfter: ['Nowhere=1s'] })).rejects.toMatchObject({ code: 'THROUGHLINE_BAD_STATE' })
    await expect(auditFiles(['/no/such.log'])).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })
})

describe('packed files', () => {
  test('are told of once where they are damaged, and counted once, however often they are looked into', async () => {
    const file = folderOf({
      'torn.gz': Buffer.concat([gzipSync(ndjson(transitions(QUEUED))), Buffer.from('no gzip')]),
      'a.log': ndjson(transitions(SYNC)),
    })
    const told: string[] = []
    const report = await auditFiles([file('*')], { now: 'end', onDamage: (sentence) => void told.push(sentence) })
    expect(told).toEqual([expect.stringMatching(/torn\.gz is damaged/)])
    expect(report.checked).toMatchObject({ lines: 9, damaged_lines: 1 })
    expect((await auditFiles([file('torn.gz')], { now: 'end' })).checked.damaged_lines).toBe(1)
  })

  test('are read to their end though only their beginning was looked at before', async () => {
    const random = Array.from({ length: 8_000 }, (_, index) =>
      transition({
        trace_id: randomUUID(),
        request_id: `b7ad6b71692${String(10_000 + index)}`,
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
