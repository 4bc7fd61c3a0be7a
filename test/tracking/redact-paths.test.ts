import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trackerFixture } from '../tracker-fixture.ts'

const SECRET = 'hush-4242'

/** What is logged of data with this path masked. */
function logged(path: string, data: unknown): string {
  const { tracker, records } = trackerFixture({ redact: [path] })
  tracker.start().note('PAID', data)
  expect(tracker.stats.faults).toBe(0)
  return JSON.stringify(records)
}

describe('a path of redact that would mask nothing is refused, with the nearest that is right', () => {
  test.each<[path: string, nearest: string | undefined]>([
    ['data.', 'data'],
    ['data.items.', 'data.items'],
    ['data.**', 'data.*'],
    ['data.**.email', 'data.*.email'],
    ['data..email', 'data.email'],
    ['data.items[].email', 'data.items[*].email'],
    ['data.items[**].email', 'data.items[*].email'],
    ['data.[0]', 'data[0]'],
    ['data["a"]b', 'data["a"].b'],
    ['data[ "a" ]', 'data["a"]'],
    ['data."a-b"', 'data["a-b"]'],
    ['data. card', 'data.card'],
    ['data.card ', 'data.card'],
    ['data.card?.number', 'data.card.number'],
    ["data.it's", 'data["it\'s"]'],
    ['data.a\\b', 'data["a\\b"]'],
    ['data["a]"]', undefined],
    ['data["a[b"]', undefined],
    ['data["a"b"]', undefined],
    ['data["a..b"]', undefined],
    ['data["a,b"]', undefined],
    ['data.a,data.b', undefined],
    ['data["a', undefined],
    ['data["a\']', undefined],
    ['data[card', undefined],
    ['data.card]', undefined],
    ['data.card*', undefined],
    ['data[-1]', undefined],
    ['data[0:2]', undefined],
    ['data[007]', undefined],
    ['data.__proto__', undefined],
  ])('%s', (path, nearest) => {
    const hint = nearest === undefined ? '' : `: did you mean ${inQuotes(nearest)}?`
    const message = `option "redact" must be paths such as "data.card", "data.items[*].email" or 'data["a-b"]'; `
    expect(() => trackerFixture({ redact: [path] })).toThrow(
      expect.objectContaining({
        code: 'THROUGHLINE_BAD_OPTION',
        message: `${message}${inQuotes(path)} cannot be applied${hint}`,
      }) as Error,
    )
    if (nearest !== undefined) trackerFixture({ redact: [nearest] })
  })

  function inQuotes(path: string): string {
    return path.includes('"') ? `'${path}'` : `"${path}"`
  }

  /** Whether a tracker takes a path; any error but that of a bad option fails the test. */
  function isAccepted(path: string): boolean {
    try {
      trackerFixture({ redact: [path] })
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'THROUGHLINE_BAD_OPTION' })
      return false
    }
  }

  const simple = /^[A-Za-z_$][\w$]*$/
  /** Keys of objects: simple ones, and any text. */
  const key = fc.oneof(fc.stringMatching(/^[a-z]{1,3}$/), fc.string({ unit: 'binary', maxLength: 4 }), hostile())

  function hostile(): fc.Arbitrary<string> {
    return fc
      .array(fc.constantFrom('.', '[', ']', '"', "'", '*', '?', '\\', ',', ' ', '-', 'a', '0'), { maxLength: 4 })
      .map((parts) => parts.join(''))
  }

  /** One level of data: a key of an object or an index of an array, and a way to write it that means just that. */
  const level = fc.record({ at: fc.oneof(key, fc.nat(3)), form: fc.nat(4) }).map(({ at, form }) => {
    const forms =
      typeof at === 'number'
        ? [`[${String(at)}]`, `.${String(at)}`]
        : [
            ...(/[.[]/.test(at) || at === '' ? [] : [`.${at}`]),
            ...(simple.test(at) ? [`[${at}]`] : []),
            ...(at.includes('"') ? [] : [`["${at}"]`]),
            ...(at.includes("'") ? [] : [`['${at}']`]),
          ]
    const all = [...forms, '.*', '[*]']
    return { at, written: all[form % all.length] ?? '.*' }
  })

  test('every path into an object that is accepted masks its value, and all simple ones are', () => {
    fc.assert(
      fc.property(
        fc.array(level, { maxLength: 4 }),
        fc.dictionary(key, fc.jsonValue({ maxDepth: 1 })),
        (path, others) => {
          const data = path.reduceRight<unknown>((inner, { at }) => {
            if (typeof at === 'string') return { ...others, [at]: inner }
            return Object.assign(new Array<unknown>(at).fill('other'), { [at]: inner })
          }, SECRET)
          const written = `data${path.map((step) => step.written).join('')}`
          const isSimple = path.every(({ at }) => typeof at === 'number' || simple.test(at))
          const accepted = isAccepted(written)
          if (isSimple) expect(accepted).toBe(true)
          if (!accepted) return
          expect(logged(written, data), written).not.toContain(SECRET)
        },
      ),
    )
  })

  test('no path is accepted for which an object of its form stays unmasked, whatever its characters', () => {
    const parts = [' ', 'b c', ...`. [ ] [" "] [' '] * [*] .* " ' a 0 - \\ ? ,`.split(' ')]
    let accepted = 0
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 6 }), fc.boolean(), (rest, isList) => {
        const path = `data${rest.join('')}`
        if (!isAccepted(path)) return
        accepted += 1
        // Read as in JavaScript: a name, an index, a key in quotes.
        const steps = [...path.slice(4).matchAll(/\.([^.[\]"']+)|\["([^"]*)"\]|\['([^']*)'\]|\[(\w+|\*)\]/g)]
        expect(`data${steps.map(([step]) => step).join('')}`).toBe(path)
        const data = steps.reduceRight<unknown>((inner, [, plain, double, single, bare]) => {
          const name = plain ?? double ?? single ?? bare ?? ''
          if (name !== '*') return { [name]: inner }
          return isList ? [inner, inner] : { any: inner, other: inner }
        }, SECRET)
        expect(logged(path, data), path).not.toContain(SECRET)
      }),
      { numRuns: 2_000 },
    )
    expect(accepted).toBeGreaterThan(50)
  })
})
