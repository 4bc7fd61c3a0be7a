import { atMost, type Benchmark, type Report } from './benchmark.ts'
import { callOnce, Child } from './child.ts'
import { interleave, resultsOf } from './interleave.ts'
import { getNumber, type NumericRecord } from './numeric-record.ts'
import { showProgress } from './progress.ts'
import { median, spread } from './statistics.ts'

export const inFlight: Benchmark = {
  name: 'in-flight',
  title: 'Cost with many requests in flight',
  method: `Each row has its own process with that many idle requests in flight, a third of them in each non-final state. Beside them, new requests run
through their whole lifecycle without output; a transition is a quarter of one. \`stuck()\` is the mean of repeated calls in another process,
with a threshold that no request exceeds and with one that ten exceed. Processor time.`,
  run: async ({ rounds, quick }) => {
    const idleCounts = quick ? [1, 1_000, 20_000] : [1, 1_000, 1_000_000]
    const transitionNs = await measureTransitions(idleCounts, rounds, quick ? 1_000 : 20_000)
    const stuck = new Map<number, NumericRecord>()
    for (const idle of idleCounts) {
      showProgress(`in-flight, stuck() of ${idle}`)
      stuck.set(idle, await callOnce('programs/in-flight', { idle }, { command: 'stuck' }))
    }
    return reportOf(idleCounts, transitionNs, stuck)
  },
}

/** Nanoseconds per transition and round, by the number of idle requests. */
async function measureTransitions(
  idleCounts: readonly number[],
  rounds: number,
  requests: number,
): Promise<ReadonlyMap<number, number[]>> {
  const children = new Map(idleCounts.map((idle) => [idle, new Child('programs/in-flight')]))
  try {
    for (const [idle, child] of children) await child.call('fill', { idle })
    return await interleave(idleCounts, rounds, async (idle, round) => {
      showProgress(`in-flight, ${idle} requests: round ${round + 1} of ${rounds}`)
      const result = await children.get(idle)?.call('transitions', { requests })
      return getNumber(result ?? {}, 'lifecycle/0') / 4
    })
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()))
  }
}

function reportOf(
  idleCounts: readonly number[],
  transitionNs: ReadonlyMap<number, number[]>,
  stuck: ReadonlyMap<number, NumericRecord>,
): Report {
  const [, base = 0, largest = 0] = idleCounts
  const growth = median(resultsOf(transitionNs, largest)) / median(resultsOf(transitionNs, base))
  const claim = `with ${largest.toLocaleString('en-US')} in flight a transition costs at most 1.3 × what it costs with ${base.toLocaleString('en-US')}`
  return {
    tables: [
      {
        title: 'By number in flight',
        columns: [
          { name: 'in flight' },
          { name: 'ns per transition', digits: 0 },
          { name: '±', digits: 0 },
          { name: 'µs per stuck(), none stuck', digits: 1 },
          { name: 'µs per stuck(), ten stuck', digits: 1 },
        ],
        rows: idleCounts.map((idle) => {
          const stuckUs = stuck.get(idle) ?? {}
          const ns = resultsOf(transitionNs, idle)
          return [
            idle,
            median(ns),
            spread(ns),
            getNumber(stuckUs, 'none'),
            idle < 10 ? null : getNumber(stuckUs, 'ten'),
          ]
        }),
      },
    ],
    targets: [atMost(claim, growth, 1.3, ' ×')],
  }
}
