import { askOnce } from './child.ts'
import { figure } from './figures.ts'
import { progress } from './progress.ts'
import { atMost, type Mark, type Question } from './question.ts'

export const memory: Question = {
  name: 'memory',
  title: 'How much memory does a request in flight take?',
  method: `In a process of its own for each row, that many requests are started, with new ids and without output, and then forgotten: only the
tracker holds them. Bytes are the difference of \`process.memoryUsage()\` before and after, each after three full collections, divided by the number
of requests. *External* is memory outside of the heap that JavaScript holds on to, array buffers included. *Resident* is what the process
takes from the system; it also holds what the collector has emptied and not given back.`,
  ask: async ({ quick }) => {
    const amounts = quick ? [1_000, 10_000] : [100_000, 1_000_000]
    const found = []
    for (const working of [false, true]) {
      for (const amount of amounts) {
        progress(`memory, ${amount} requests`)
        const state = working ? 'Processing' : 'Received'
        found.push({ state, amount, bytes: await askOnce('programs/memory', { amount, working: Number(working) }, { execArgv: ['--expose-gc'] }) })
      }
    }
    return {
      tables: [
        {
          title: 'Bytes per request in flight',
          columns: [{ name: 'state' }, { name: 'requests' }, { name: 'heap' }, { name: 'external' }, { name: 'heap + external' }, { name: 'resident' }],
          rows: found.map(({ state, amount, bytes }) => [
            state,
            amount,
            figure(bytes, 'heap'),
            figure(bytes, 'external'),
            figure(bytes, 'heap') + figure(bytes, 'external'),
            figure(bytes, 'resident'),
          ]),
        },
      ],
      marks: found.map(({ state, amount, bytes }): Mark => {
        const total = figure(bytes, 'heap') + figure(bytes, 'external')
        return atMost(`each of ${amount.toLocaleString('en-US')} requests in ${state} takes at most 400 bytes`, total, 400, ' bytes')
      }),
    }
  },
}
