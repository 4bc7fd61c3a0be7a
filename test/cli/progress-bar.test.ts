import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { progressBar } from '../../src/cli/progress-bar.ts'

/** A terminal that keeps what is written to it. */
function terminal(): PassThrough {
  return Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 80 })
}

test('tells who watches the rate and how much is left, and clears itself away', async () => {
  const stream = terminal()
  const clock = { ms: 0 }
  const bar = progressBar({ watched: true }, { now: () => clock.ms, stream })
  clock.ms = 500
  bar.update(5_000_000, 10_000_000)
  await once(stream, 'readable')
  expect(stream.read()).toMatch(/ 0% of 10 MB, 0 MB\/s/)
  bar.update(5_000_000, 10_000_000)
  await Promise.resolve()
  bar.stop()
  await once(stream, 'readable')
  expect(stream.read()).toMatch(/50% of 10 MB, 10 MB\/s, .* left[^]*\u001b\[\?25h/)
})

test.each([
  ['nobody watches', false, 10_000],
  ['it is over before anybody wonders', true, 499],
])('is not there where %s', async (_, watched, ms) => {
  const stream = terminal()
  const clock = { ms: 0 }
  const bar = progressBar({ watched }, { now: () => clock.ms, stream })
  clock.ms = ms
  bar.update(5_000_000, 10_000_000)
  // By then the package is there, and would have drawn.
  await import('cli-progress')
  bar.stop()
  await Promise.resolve()
  expect(stream.read()).toBeNull()
})
