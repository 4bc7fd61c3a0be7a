import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RedactOption } from '../../src/tracking/redaction.ts'
import { trackerFixture } from '../tracker-fixture.ts'

const SECRET = 'hush-4242'

/** The records of a request that fails with data and an error, and what the tracker says of it while it is stuck. */
function run(redact: RedactOption, data: unknown, message = SECRET) {
  const { tracker, records, clock } = trackerFixture({ redact })
  const request = tracker.start(undefined, { data })
  request.note('PAID', data)
  request.emitNote('note', 'FAIL', { error: new Error(message) })
  clock.time += 3_600_000
  const stuck = tracker.stuck('1s')
  request.responded({ error: new Error(message) })
  return { records, stuck, faults: tracker.stats.faults }
}

describe('redact', () => {
  test('masks paths under data, in every record, and leaves the rest', () => {
    const data = { card: SECRET, items: [{ email: SECRET, n: 1 }, { n: 2 }], 'a-b': { c: SECRET }, keep: 'x' }
    const { records } = run(['data.card', 'data.items[*].email', 'data["a-b"].c', 'data.absent.x'], data)
    const masked = {
      card: '[Redacted]',
      items: [{ email: '[Redacted]', n: 1 }, { n: 2 }],
      'a-b': { c: '[Redacted]' },
      keep: 'x',
    }
    expect(records[0]?.data).toEqual(masked)
    expect(records[1]?.data).toEqual(masked)
    expect(data.card).toBe(SECRET)
    // Nothing was said about errors.
    expect(records[2]?.error?.message).toBe(SECRET)
  })

  test("masks an error's message, also where the tracker reports it", () => {
    const { records, stuck } = run({ paths: ['error.message'], censor: '***' }, { keep: SECRET })
    expect(records.flatMap(({ error }) => (error === undefined ? [] : [error]))).toEqual([
      { type: 'Error', message: '***' },
      { type: 'Error', message: '***' },
    ])
    expect(stuck[0]?.last_error).toEqual({ type: 'Error', message: '***' })
    expect(records[0]?.data).toEqual({ keep: SECRET })
  })

  test('a censor function gets the value and its path', () => {
    const calls: unknown[] = []
    const censor = (value: unknown, path: readonly string[]): string => {
      calls.push([value, [...path]])
      return `${String(value).length} characters`
    }
    const { records } = run({ paths: ['data.card', 'error.message'], censor }, { card: SECRET })
    expect(records[0]?.data).toEqual({ card: '9 characters' })
    expect(records[2]?.error?.message).toBe('9 characters')
    expect(calls[0]).toEqual([SECRET, ['data', 'card']])
  })

  test('if a censor function throws, all of that part is masked, and the fault is counted', () => {
    const censor = (): never => {
      throw new Error('broken')
    }
    const { records, faults } = run({ paths: ['data.card', 'error.message'], censor }, { card: SECRET, keep: SECRET })
    expect(JSON.stringify(records)).not.toContain(SECRET)
    expect(records[0]?.data).toBe('[Redacted]')
    expect(records[2]?.error).toEqual({ type: 'Error', message: '[Redacted]' })
    expect(faults).toBeGreaterThan(0)
  })

  test('a censor function that returns a promise masks with the default, and its rejection is counted', async () => {
    const censor = (): Promise<never> => Promise.reject(new Error('broken'))
    const { records, faults } = run({ paths: ['data.card', 'error.message'], censor }, { card: SECRET })
    await Promise.resolve()
    expect(records[0]?.data).toEqual({ card: '[Redacted]' })
    expect(records[2]?.error?.message).toBe('[Redacted]')
    expect(faults).toBeGreaterThan(0)
  })

  test('data that cannot be read says nothing of what its getters throw', () => {
    const data = {
      toJSON: () => {
        throw new Error(SECRET)
      },
    }
    expect(run(['data.card'], data).records[1]?.data).toEqual({ cut: true, reason: 'not readable' })
  })

  test('what is masked is in no excerpt of data or of a message that is too long', () => {
    const data = { card: SECRET, pad: 'x'.repeat(5_000) }
    const { records } = run(['data.card', 'error.*'], data, `${SECRET} ${'y'.repeat(5_000)}`)
    expect(records[0]?.data).toMatchObject({ cut: true, json: expect.stringContaining('[Redacted]') as unknown })
    expect(JSON.stringify(records)).not.toContain(SECRET)
  })

  test('a secret at any path that is named never leaves, and other data stays as it is', () => {
    const key = fc.stringMatching(/^[a-z]{1,5}$/)
    fc.assert(
      fc.property(
        fc.array(key, { minLength: 1, maxLength: 4 }),
        fc.dictionary(key, fc.jsonValue({ maxDepth: 1 })),
        fc.nat(2_000),
        (path, others, padding) => {
          const nested = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), SECRET)
          // The secret's own path replaces what is there.
          const data = { ...others, ...(nested as object), pad: 'x'.repeat(padding) }
          fc.pre(!path.includes('pad'))
          const { records, faults } = run([`data.${path.join('.')}`], data, 'fine')
          expect(JSON.stringify(records)).not.toContain(SECRET)
          expect(faults).toBe(0)
          const masked = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), '[Redacted]')
          const whole = JSON.parse(JSON.stringify({ ...data, ...(masked as object) })) as unknown
          if (JSON.stringify(whole).length < 300) expect(records[0]?.data).toEqual(whole)
        },
      ),
    )
  })

  test.each<[what: string, redact: unknown, message: RegExp]>([
    ['a field that an audit needs', ['trace_id'], /"trace_id".*audit/],
    ['a wildcard at the top', ['*.card'], /"\*\.card"/],
    ['an error as a whole', ['error'], /"error" is not/],
    ['a part of an error that is not logged', ['error.stack'], /"error\.stack"/],
    ['a path that is no text', [7], /"7"/],
    ['a path that cannot be read', ['data.items[0'], /"data\.items\[0" cannot be applied$/],
    ['one such path beside others', { paths: ['data.card', 'data.**'] }, /"data\.\*\*" cannot be applied/],
    ['a text', 'data.card', /redact/],
    ['an object without paths', {}, /"redact"/],
    ['an unknown option', { paths: ['data'], remove: true }, /"remove"/],
    ['a censor that is a number', { paths: ['data'], censor: 7 }, /censor/],
  ])('refuses %s', (_, redact, message) => {
    expect(() => trackerFixture({ redact: redact as RedactOption })).toThrow(
      expect.objectContaining({
        code: 'THROUGHLINE_BAD_OPTION',
        message: expect.stringMatching(message) as unknown,
      }) as Error,
    )
  })
})
