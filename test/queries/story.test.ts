import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { story, storyMermaid, storyOfFiles, storyText, type Searched } from '../../src/queries/story.ts'
import { folderOf } from '../cli/_run-command.ts'
import { uuid } from '../log-arbitraries.ts'
import { BEGUN, ndjson, note, QUEUED, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { formsOf } from './_forms.ts'

const RECORDS = [
  ...transitions(QUEUED),
  note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker', time: BEGUN + 4_000 }),
]
const OWN = {
  level: 30,
  time: BEGUN + 500,
  service: 'gateway',
  trace_id: TRACE.toUpperCase(),
  msg: 'the cache is cold',
}
const WHOLE_LINES = ndjson([...RECORDS, OWN, ...transitions(SYNC, { trace_id: 'abc-123' })])
const LOG = `${WHOLE_LINES}hello\n{"lifecycle":"transition","trace_id":"torn\n`

describe('lines of a program give the same story as a file', () => {
  test.each(formsOf(LOG))('%s', async (_, lines) => {
    const file = folderOf({ 'a.log': LOG })('a.log')
    const whole = await storyOfFiles(TRACE, [file])
    expect(whole).toMatchObject({
      trace_id: TRACE,
      services: ['gateway', 'worker'],
      requests: [{ state: 'Queued' }],
      lines: [{ msg: 'the cache is cold' }],
    })
    expect(await story(TRACE, lines)).toEqual(whole)
  })

  test('records', async () => {
    const file = folderOf({ 'a.log': ndjson(RECORDS) })('a.log')
    expect(await story(TRACE, RECORDS)).toEqual(await storyOfFiles(TRACE, [file]))
  })

  test('as text and as a diagram', async () => {
    const report = await story(TRACE, RECORDS)
    if (report === undefined) throw new Error('no line of the trace was found')
    expect(storyText(report, 80)).toContain(`trace ${TRACE}\n`)
    expect(storyMermaid(report)).toMatch(/^sequenceDiagram\n/)
  })

  test('undefined if no line belongs to the trace', async () => {
    const file = folderOf({ 'a.log': LOG })('a.log')
    expect([await story('ABC-123', LOG.split('\n')), await storyOfFiles('ABC-123', [file])]).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('options', () => {
  test('machine is the one that wrote the lines', async () => {
    const failed = [
      ...transitions(['AUTH_OK']),
      transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' }),
    ]
    const gaps = async (options: object): Promise<unknown> => (await story(TRACE, failed, options))?.requests[0]?.gaps
    expect(await gaps({})).toEqual([expect.stringContaining('invalid')])
    expect(await gaps({ machine: requestWithRetriesMachine })).toEqual([])
  })

  test('fields are the names of other loggers', async () => {
    const foreign = { when: BEGUN, ticket: 'abc-123', msg: 'open' }
    const fields = { trace_id: ['ticket'], time: ['when'] }
    const file = folderOf({ 'a.log': ndjson([foreign]) })('a.log')
    expect(await story('abc-123', [foreign])).toBeUndefined()
    expect(await story('abc-123', [foreign], { fields })).toMatchObject({ lines: [{ time: BEGUN, msg: 'open' }] })
    expect(await storyOfFiles('abc-123', [file], { fields })).toMatchObject({ lines: [{ time: BEGUN, msg: 'open' }] })
  })

  test('skewMs and full set how much of the files is read', async () => {
    const born = uuid(BEGUN, 1)
    const own = transitions(SYNC, { trace_id: born })
    const others = Array.from({ length: 20_000 }, (_, index) => ({
      time: BEGUN + (index - 10_000) * 3_600,
      msg: 'x'.repeat(100),
    }))
    const file = folderOf({ 'a.log': ndjson([...others, ...own].sort((a, b) => a.time - b.time)) })('a.log')
    const searched = async (options: object): Promise<Searched | undefined> => {
      const results: Searched[] = []
      await storyOfFiles(born, [file], { ...options, onSearched: (all) => void results.push(all) })
      return results[0]
    }
    const [some, more, all] = [
      await searched({}),
      await searched({ skewMs: 3_600_000 }),
      await searched({ full: true }),
    ]
    expect([some?.from, more?.from, all?.from]).toEqual([BEGUN - 300_000, BEGUN - 3_600_000, undefined])
    expect(all?.bytes).toBe(all?.total)
    expect(some?.bytes).toBeLessThan(more?.bytes ?? 0)
  })

  test('onDamage reports a corruption', async () => {
    const file = folderOf({ 'torn.gz': Buffer.concat([gzipSync(LOG), Buffer.from('no gzip')]) })('torn.gz')
    const sentences: string[] = []
    expect(await storyOfFiles(TRACE, [file], { onDamage: (sentence) => void sentences.push(sentence) })).toBeDefined()
    expect(sentences).toEqual([expect.stringContaining('torn.gz is corrupted')])
  })

  test('an invalid trace id and a missing file are rejected', async () => {
    await expect(story('no/id', [])).rejects.toMatchObject({ code: 'THROUGHLINE_USAGE' })
    await expect(storyOfFiles('no/id', [])).rejects.toThrow('"no/id" is not a trace id: pass a UUID')
    await expect(storyOfFiles(TRACE, ['/no/such.log'])).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })
})
