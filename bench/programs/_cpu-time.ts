import { interleave } from '../interleave.ts'
import type { NumericRecord } from '../numeric-record.ts'

/** Does `amount` repetitions of what is measured. */
export type Task = (amount: number) => void | Promise<void>

export interface TaskRounds {
  readonly rounds: number
  readonly amount: number
}

/**
 * Measures the processor time of each task per repetition, in nanoseconds, by `name/round`.
 *
 * Processor time excludes the time when another process has the core.
 */
export async function measureCpuTime(
  tasks: Readonly<Record<string, Task>>,
  { rounds, amount }: TaskRounds,
): Promise<NumericRecord> {
  const names = Object.keys(tasks)
  const run = async (name: string): Promise<number> => {
    const started = process.cpuUsage()
    await tasks[name]?.(amount)
    const { user, system } = process.cpuUsage(started)
    return ((user + system) * 1_000) / amount
  }
  // Three rounds of warm-up: V8 compiles hot code in several steps.
  await interleave(names, 3, run)
  const results = await interleave(names, rounds, run)
  return Object.fromEntries([...results].flatMap(([name, times]) => times.map((ns, round) => [`${name}/${round}`, ns])))
}
