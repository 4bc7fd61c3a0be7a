import type { TestContext } from 'vitest'
import type { Destination } from './programs/tracker-for.ts'

/** What is known of a fault after it was tried: a row of the table in docs/reliability.md. */
export interface Told {
  readonly fault: string
  /** How often, and of what. */
  readonly tried: string
  /** In words and numbers. */
  readonly lost: string
}

declare module 'vitest' {
  // A task's meta goes from the process of a test to the reporter.
  interface TaskMeta {
    told?: readonly Told[]
  }
}

/** Tells what a test found. The long run makes a table of it; a short one leaves the page alone. */
export function tell({ task }: Pick<TestContext, 'task'>, told: Told): void {
  task.meta.told = [...(task.meta.told ?? []), told]
}

/** `3 of 5`, and of nothing `none of 5`. */
export function share(part: number, whole: number): string {
  return `${part === 0 ? 'none' : count(part)} of ${count(whole)}`
}

/** `1,000`. */
export function count(number: number): string {
  return number.toLocaleString('en')
}

/** Where lines go, in the words of the page. */
export const NAMES: Readonly<Record<Destination, string>> = {
  default: 'as set by default',
  line: "with `durability: 'line'`",
  turn: "with `durability: 'turn'`",
  'own-sync': 'with a synchronous pino',
  'own-async': 'with an asynchronous pino',
}
