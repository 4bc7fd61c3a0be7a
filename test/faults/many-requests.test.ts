import { expect, test } from 'vitest'
import { addRow, count } from './_fault-row.ts'
import { startProgram } from './_program.ts'
import { RUNS } from './_run-counts.ts'
import type { RunResult } from './programs/many-requests.ts'

/** Covers what the runtime keeps for itself. A leak of a single object per request would exceed it. */
const MAX_GROWTH_BYTES = 3_000_000

test('very many requests in one process leave no memory in use, and each has a valid history', async (context) => {
  const requests = RUNS.inProcessRequests
  const seed = Math.floor(Math.random() * 2 ** 31)
  const program = await startProgram('many-requests', {
    args: [String(requests), String(seed)],
    node: ['--expose-gc'],
  })
  // The program sends nothing else.
  const result = (await program.call('run')) as RunResult
  expect(result, `seed ${String(seed)}`).toMatchObject({ problems: [], inFlight: 0, faults: 0 })
  const { early = 0, late = Infinity } = result
  expect(late - early, `growth in bytes, seed ${String(seed)}`).toBeLessThan(MAX_GROWTH_BYTES)
  const growth = `${count(Math.max(0, Math.round((late - early) / 1_000)))} kB`
  addRow(context, {
    fault: 'requests with every kind of end, aborts included, in one process',
    tried: `${count(requests)} requests`,
    lost: `no request left in flight, no invalid history; ${growth} more in use at the end than after a tenth of it`,
  })
})
