import { askOnce, Child } from './child.ts'
import { figure, type Figures } from './figures.ts'
import { interleaved, median, of, spread } from './measure.ts'
import { progress } from './progress.ts'
import { atMost, type Question, type Report } from './question.ts'

export const inFlight: Question = {
  name: 'in-flight',
  title: 'Does it get slower with many requests in flight?',
  method: `In a process of its own for each row, that many requests are started and stay where they are, a third of them in each state that is not
final. Beside them, fresh requests run through their whole life without output; *one transition* is a quarter of such a life. The rounds of the
rows are interleaved. \`stuck()\` is asked in another process, whose clock is cranked by hand: once with a limit that nobody has passed, and
once with one that ten requests have. The time is that of the processor.`,
  ask: async ({ rounds, quick }) => {
    const amounts = quick ? [1, 1_000, 20_000] : [1, 1_000, 1_000_000]
    const lives = await transitions(amounts, rounds, quick ? 1_000 : 20_000)
    const stuck = new Map<number, Figures>()
    for (const idle of amounts) {
      progress(`in-flight, stuck() of ${idle}`)
      stuck.set(idle, await askOnce('programs/in-flight', { idle }, { command: 'stuck' }))
    }
    return reportOf(amounts, lives, stuck)
  },
}

/** Nanoseconds of a transition, by the number of idle requests, round by round. */
async function transitions(amounts: readonly number[], rounds: number, amount: number): Promise<ReadonlyMap<number, number[]>> {
  const children = new Map(amounts.map((idle) => [idle, new Child('programs/in-flight')]))
  try {
    for (const [idle, child] of children) await child.ask('fill', { idle })
    return await interleaved(amounts, rounds, async (idle, round) => {
      progress(`in-flight, ${idle} requests: round ${round + 1} of ${rounds}`)
      const found = await children.get(idle)?.ask('transitions', { amount })
      return figure(found ?? {}, 'lifecycle/0') / 4
    })
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()))
  }
}

function reportOf(amounts: readonly number[], lives: ReadonlyMap<number, number[]>, stuck: ReadonlyMap<number, Figures>): Report {
  const [, base = 0, most = 0] = amounts
  const growth = median(of(lives, most)) / median(of(lives, base))
  return {
    tables: [
      {
        title: 'While others are in flight',
        columns: [
          { name: 'in flight' },
          { name: 'ns per transition', digits: 0 },
          { name: '±', digits: 0 },
          { name: 'µs per stuck(), none is', digits: 1 },
          { name: 'µs per stuck(), ten are', digits: 1 },
        ],
        rows: amounts.map((idle) => {
          const audit = stuck.get(idle) ?? {}
          return [idle, median(of(lives, idle)), spread(of(lives, idle)), figure(audit, 'none'), idle < 10 ? null : figure(audit, 'some')]
        }),
      },
    ],
    marks: [atMost(`with ${most.toLocaleString('en-US')} in flight a transition costs at most 1.3 × what it costs with ${base.toLocaleString('en-US')}`, growth, 1.3, ' ×')],
  }
}
