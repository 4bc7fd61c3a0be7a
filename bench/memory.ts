import { atMost, type Benchmark, type Target } from './benchmark.ts'
import { callOnce } from './child.ts'
import { getNumber } from './numeric-record.ts'
import { showProgress } from './progress.ts'

export const memory: Benchmark = {
  name: 'memory',
  title: 'Memory per request in flight',
  method: `Each row has its own process, which starts that many requests, without output, and keeps no reference: only the tracker holds them. Bytes are
the difference of \`process.memoryUsage()\` before and after, each after three full garbage collections. *External* is memory outside the heap
that JavaScript objects hold. *Resident* includes memory that the collector has emptied but not returned. Measured once.`,
  run: async ({ quick }) => {
    const amounts = quick ? [1_000, 10_000] : [100_000, 1_000_000]
    const measured = []
    for (const state of ['Received', 'Processing']) {
      for (const amount of amounts) {
        showProgress(`memory, ${amount} requests`)
        const bytes = await callOnce(
          'programs/memory',
          { amount, processing: Number(state === 'Processing') },
          { execArgv: ['--expose-gc'] },
        )
        const [heap, external] = [getNumber(bytes, 'heap'), getNumber(bytes, 'external')]
        measured.push({ state, amount, heap, external, total: heap + external, resident: getNumber(bytes, 'resident') })
      }
    }
    return {
      tables: [
        {
          title: 'Bytes per request in flight',
          columns: [
            { name: 'state' },
            { name: 'requests' },
            { name: 'heap' },
            { name: 'external' },
            { name: 'heap + external' },
            { name: 'resident' },
          ],
          rows: measured.map(({ state, amount, heap, external, total, resident }) => [
            state,
            amount,
            heap,
            external,
            total,
            resident,
          ]),
        },
      ],
      targets: measured.map(({ state, amount, total }): Target =>
        atMost(
          `each of ${amount.toLocaleString('en-US')} requests in ${state} takes at most 400 bytes`,
          total,
          400,
          ' bytes',
        ),
      ),
    }
  },
}
