import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IdSearch } from '../../../src/logs/search/id-search.ts'
import { LineSearch, type FoundLine } from '../../../src/logs/search/line-search.ts'
import { MAX_LINE_BYTES } from '../../../src/logs/split-lines.ts'

const ID = 'abc-123'

/** Searches a text in pieces of these sizes. */
function found(search: LineSearch, text: string, sizes: readonly number[]): FoundLine[] {
  const bytes = Buffer.from(text)
  const lines: FoundLine[] = []
  search.startAt(0)
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    for (const some of search.consumeAll(bytes.subarray(at, at + size))) lines.push(...some)
    at += size
  }
  return [...lines, ...search.end()]
}

function expected(text: string): FoundLine[] {
  let offset = 0
  return text.split('\n').flatMap((line) => {
    const place = offset
    offset += Buffer.byteLength(line) + 1
    const cut = Buffer.from(line).toString('utf8', 0, MAX_LINE_BYTES)
    return cut.includes(ID) ? [{ text: cut, offset: place }] : []
  })
}

describe('LineSearch', () => {
  const search = new LineSearch(new IdSearch(ID))
  const lines = fc.array(
    fc.array(fc.constantFrom(ID, 'abc-12', '\r', 'ü', '{"a":1}'), { maxLength: 6 }).map((parts) => parts.join('')),
    { maxLength: 20 },
  )

  test('yields each line with the id once, with its offset, for pieces of any size', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), (all, sizes) => {
        expect(found(search, all.join('\n'), sizes)).toEqual(expected(all.join('\n')))
      }),
      { numRuns: 300 },
    )
  })

  test.each([MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 300_000, 3 * MAX_LINE_BYTES])(
    'cuts a line of %i bytes where splitLines does',
    (length) => {
      const long = `${'x'.repeat(500_000)}${ID}`
      const text = [`first ${ID}`, long.padEnd(length, 'y'), `last ${ID}`, `${'z'.repeat(length)}${ID}`, ID].join('\n')
      // A difference between texts of megabytes would be unreadable.
      const summary = (lines: readonly FoundLine[]): unknown =>
        lines.map((line) => [line.offset, line.text.length, line.text.slice(-10)])
      for (const size of [100_000, 262_144, 5_000_000])
        expect(summary(found(search, text, [size]))).toEqual(summary(expected(text)))
    },
  )
})
