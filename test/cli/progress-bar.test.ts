import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { progressBar } from '../../src/cli/progress-bar.ts'

/** A terminal that records its output. */
function terminal(): PassThrough {
  return Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 80 })
}

test('shows the rate and the remaining time, and clears itself', async () => {
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
  ['stderr is not a terminal', false, 10_000],
  ['the reading takes less than half a second', true, 499],
])('is not shown if %s', async (_, watched, ms) => {
  const stream = terminal()
  const clock = { ms: 0 }
  const bar = progressBar({ watched }, { now: () => clock.ms, stream })
  clock.ms = ms
  bar.update(5_000_000, 10_000_000)
  // After this import a bar would have been drawn.
  await import('cli-progress')
  bar.stop()
  await Promise.resolve()
  expect(stream.read()).toBeNull()
})
