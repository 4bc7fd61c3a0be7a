import { expect, test } from 'vitest'
import { BUDGET } from './_budget.ts'
import { start } from './_program.ts'
import { count, tell } from './_server-stats.ts'
import type { Run } from './programs/many-requests.ts'

/** What a run may leave behind: the library's own, and whatever the runtime keeps for itself. */
const MOST_GROWTH = 3_000_000

test('requests by the hundred thousand leave nothing behind, and each has a valid history', async (context) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const program = await start('many-requests', {
    args: [String(BUDGET.inProcess), String(seed)],
    node: ['--expose-gc'],
  })
  // Its only answer.
  const found = (await program.ask('run')) as Run
  expect(found, `seed ${String(seed)}`).toMatchObject({ wrong: [], inFlight: 0, faults: 0 })
  const { early = 0, late = Infinity } = found
  expect(late - early, `bytes more in use than early on, seed ${String(seed)}`).toBeLessThan(MOST_GROWTH)
  tell(context, {
    fault: 'requests that end in every way, aborts among them, in one process',
    tried: `${count(BUDGET.inProcess)} requests`,
    lost: `no request left in flight, no history invalid; ${count(Math.max(0, Math.round((late - early) / 1_000)))} kB more in use at the end than after a tenth`,
  })
})
