import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesIn, root } from './sources.ts'

const CODE = filesIn('src', 'machines', 'test', 'examples', 'bench', '.ci').filter((file) => file.endsWith('.ts'))
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'examples/storefront/README.md',
  'test/README.md',
]
const FILES = [...CODE, ...PAGES, ...filesIn('docs').filter((file) => file.endsWith('.md'))]

/** Words that have a plain counterpart, and the counterpart. */
const AVOID: readonly (readonly [RegExp, string])[] = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\b(is|are|was|were|be|been) told\b|\btold (of|by|once)\b|\btells of\b/i, 'reported, logged, printed'],
  [/\b(in|into|out of) (hand|its hands)\b/i, 'current, being processed'],
  [/\btakes? up\b/i, 'accepts, uses'],
  [/\bhand(s|ed|ing)? over\b/i, 'flush for lines, hand off for messages'],
  [/\bsalvag\w*/i, 'recover, partial record'],
  [/\b(lines|hosts|services) of (others|strangers)\b|\bstrangers?\b/i, 'third-party'],
  [/\b(accus|acquit)\w*|\bspeaks? for\b/i, 'cause, clear or apply to a finding'],
  [/\bin vain\b|\blest\b|\bwhereof\b|\bthereof\b/i, 'a plain sentence'],
  [/\band (of )?no others?\b/i, 'exactly'],
  [/\b(MOST|LONGEST|FEWEST|LEAST|LARGEST|SHORTEST)_[A-Z]/, 'MAX_ or MIN_'],
]

/** A word as a word: quoted data, such as a path in a sample line, does not count. */
const SELF = 'test/style.test.ts'

describe('plain English', () => {
  it.each(AVOID)('avoids %s: %s', (pattern) => {
    expect(
      linesOf(FILES)
        .filter(({ text }) => pattern.test(text))
        .map(shown),
    ).toEqual([])
  })
})

it('no line of code is longer than 120 columns', () => {
  // A sample line of a log, a URL, a directive or a regular expression cannot be broken. bench/ holds prose for a page.
  const long = linesOf(CODE.filter((file) => !file.startsWith('bench/'))).filter(
    ({ text }) => text.length > 120 && !/https?:|eslint-disable|CREATE TABLE|['"`]\{?"?|\/[^/]{60,}\//.test(text),
  )
  expect(long.map(shown)).toEqual([])
})

interface Line {
  readonly file: string
  readonly number: number
  readonly text: string
}

function linesOf(files: readonly string[]): Line[] {
  return files
    .filter((file) => file !== SELF)
    .flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .map((text, index) => ({ file, number: index + 1, text })),
    )
}

function shown({ file, number, text }: Line): string {
  return `${file}:${String(number)}: ${text.trim().slice(0, 100)}`
}
