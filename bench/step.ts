import type { Benchmark } from './benchmark.ts'
import { callInProcesses } from './child.ts'
import { valuesOfRounds } from './numeric-record.ts'
import { median, spread } from './statistics.ts'

export const step: Benchmark = {
  name: 'step',
  title: 'Cost of one state machine step',
  method: `The three events from Received to Responded, without output: by \`step()\` on the compiled table, by XState's pure \`transition()\`, and by an
XState actor per request, whose time is divided by three. Processor time, in three processes.`,
  run: async ({ rounds, quick }) => {
    const results = await callInProcesses('programs/step', {
      rounds,
      steps: quick ? 300_000 : 9_000_000,
      events: quick ? 3_000 : 30_000,
    })
    const stepNs = median(valuesOfRounds(results, 'step'))
    const rowOf = (name: string, key: string): (string | number)[] => {
      const times = valuesOfRounds(results, key)
      return [name, median(times), spread(times), median(times) / stepNs]
    }
    return {
      tables: [
        {
          title: 'One step',
          columns: [
            { name: 'variant' },
            { name: 'ns', digits: 1 },
            { name: '±', digits: 1 },
            { name: '× step()', digits: 0 },
          ],
          rows: [
            rowOf('step() on the table', 'step'),
            rowOf('transition() of XState', 'transition'),
            rowOf('an XState actor per request', 'actor'),
          ],
        },
      ],
      targets: [],
    }
  },
}
