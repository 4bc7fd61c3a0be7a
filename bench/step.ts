import { askSeveral } from './child.ts'
import { roundsOf } from './figures.ts'
import { median, spread } from './measure.ts'
import type { Question } from './question.ts'

export const step: Question = {
  name: 'step',
  title: 'What does one step of the machine cost?',
  method: `In one process, the three events from Received to Responded, again and again, without output: \`step()\` on the compiled table;
\`transition()\` of XState, its pure function; and an XState actor per request, made, started and sent three events, all of it divided by three.
The time is that of the processor, the median of interleaved rounds in three processes.`,
  ask: async ({ rounds, quick }) => {
    const found = await askSeveral('programs/step', { rounds, steps: quick ? 300_000 : 9_000_000, events: quick ? 3_000 : 30_000 })
    const steps = median(roundsOf(found, 'step'))
    const row = (name: string, key: string): (string | number)[] => {
      const times = roundsOf(found, key)
      return [name, median(times), spread(times), median(times) / steps]
    }
    return {
      tables: [
        {
          title: 'One step',
          columns: [{ name: 'by' }, { name: 'ns', digits: 1 }, { name: '±', digits: 1 }, { name: '× step()', digits: 0 }],
          rows: [row('step() on the table', 'step'), row('transition() of XState', 'transition'), row('an XState actor per request', 'actor')],
        },
      ],
      marks: [],
    }
  },
}
