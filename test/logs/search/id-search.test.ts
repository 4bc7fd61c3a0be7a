import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IdSearch } from '../../../src/logs/search/id-search.ts'
import { toDashed, w3cTraceId } from '../../../src/trace/trace-id.ts'
import { TRACE } from '../../sample-log.ts'

/** The ends of all matches, found by trying every position. */
function endsOf(bytes: Buffer, from: number, to: number, texts: readonly string[]): number[] {
  const places = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  return places.filter((end) =>
    texts.some(
      (text) => end - text.length + 1 >= from && bytes.toString('latin1', end - text.length + 1, end + 1) === text,
    ),
  )
}

/** Few characters, so that there are many near matches. */
const id = fc.string({ unit: fc.constantFrom('a', 'b', '-', '1'), minLength: 1, maxLength: 12 })
const text = (pieces: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(pieces, { maxLength: 40 }).map((all) => all.join(''))

describe('IdSearch', () => {
  test('finds every match of an id that is not a UUID, and no more', () => {
    const idAndText = id.chain((one) =>
      fc.tuple(
        fc.constant(one),
        text(
          fc.oneof(
            fc.constantFrom('a', 'b', '-', '1', one, one.slice(1)),
            fc.constantFrom(w3cTraceId(one), toDashed(w3cTraceId(one))),
          ),
        ),
      ),
    )
    fc.assert(
      fc.property(idAndText, fc.nat(30), fc.nat(30), ([one, all], from, less) => {
        const bytes = Buffer.from(all)
        const to = Math.max(from, bytes.length - less)
        const spellings = [one, w3cTraceId(one), toDashed(w3cTraceId(one))]
        expect(new IdSearch(one).matchEnds(bytes, from, to)).toEqual(
          endsOf(bytes, from, Math.min(to, bytes.length), spellings),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('finds a UUID with and without dashes, in any case, by any of its spellings', () => {
    const bare = TRACE.replaceAll('-', '')
    const cased = fc
      .tuple(fc.constantFrom(TRACE, bare), fc.array(fc.boolean(), { minLength: 36, maxLength: 36 }))
      .map(([one, upper]) =>
        Array.from(one, (digit, index) => (upper[index] === true ? digit.toUpperCase() : digit)).join(''),
      )
    const other = fc.constantFrom(TRACE.slice(1), bare.slice(1), TRACE.replace('7f60', '7f61'), '0', 'f', '-', ' ')
    fc.assert(
      fc.property(cased, text(fc.oneof(cased, other)), (traceId, all) => {
        const lower = Buffer.from(all.toLowerCase())
        expect(new IdSearch(traceId).matchEnds(Buffer.from(all), 0, all.length)).toEqual(
          endsOf(lower, 0, lower.length, [TRACE, bare]),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('an id that is not a UUID is case-sensitive', () => {
    expect(new IdSearch('abc-123').matchEnds(Buffer.from('ABC-123 abc-123'), 0, 15)).toEqual([14])
  })
})
