import type { TestContext } from 'vitest'
import type { Destination } from './programs/_destinations.ts'

/** A row of the table in docs/reliability.md. */
export interface FaultRow {
  readonly fault: string
  /** How often the fault was tried, and on what. */
  readonly tried: string
  readonly lost: string
}

declare module 'vitest' {
  // The runner sends a task's meta from the test's process to the reporter.
  interface TaskMeta {
    faults?: readonly FaultRow[]
  }
}

/** Adds a row to the results. Only the long run writes them to the page. */
export function addRow({ task }: Pick<TestContext, 'task'>, row: FaultRow): void {
  task.meta.faults = [...(task.meta.faults ?? []), row]
}

/** `3 of 5`, or `none of 5`. */
export function share(part: number, whole: number): string {
  return `${part === 0 ? 'none' : count(part)} of ${count(whole)}`
}

/** `1,000`. */
export function count(number: number): string {
  return number.toLocaleString('en')
}

/** What the page calls a destination. */
export const DESTINATION_NAMES: Readonly<Record<Destination, string>> = {
  default: 'with default settings',
  line: "with `durability: 'line'`",
  turn: "with `durability: 'turn'`",
  'pino-sync': 'with a synchronous pino',
  'pino-async': 'with an asynchronous pino',
}
