import { interleaved } from '../measure.ts'
import type { Figures } from '../figures.ts'

/** What is measured: does a number of things, one after the other. */
export type Work = (amount: number) => void | Promise<void>

export interface Timing {
  readonly rounds: number
  readonly amount: number
}

/**
 * The processor time of each thing, in nanoseconds, by `name/round`.
 *
 * Processor time, because another process that gets the core in between is not what is asked for.
 */
export async function timed(works: Readonly<Record<string, Work>>, { rounds, amount }: Timing): Promise<Figures> {
  const names = Object.keys(works)
  const run = async (name: string): Promise<number> => {
    const began = process.cpuUsage()
    await works[name]?.(amount)
    const { user, system } = process.cpuUsage(began)
    return ((user + system) * 1_000) / amount
  }
  // Code is compiled as it gets hot, in several steps: what it costs until then is not asked for.
  await interleaved(names, 3, run)
  const results = await interleaved(names, rounds, run)
  return Object.fromEntries([...results].flatMap(([name, all]) => all.map((ns, round) => [`${name}/${round}`, ns])))
}
