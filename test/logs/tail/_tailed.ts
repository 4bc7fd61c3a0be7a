import { onTestFinished } from 'vitest'
import type { LocatedEntry } from '../../../src/logs/log-entry.ts'
import { tail } from '../../../src/logs/tail/tail.ts'

/** Follows logs round by round, as the test requests. */
export class Tailed {
  readonly warnings: string[] = []
  readonly #controller = new AbortController()
  readonly #batches: AsyncGenerator<LocatedEntry[]>

  constructor(...names: readonly string[]) {
    this.#batches = tail(names, {
      signal: this.#controller.signal,
      wait: () => Promise.resolve(),
      onWarning: (sentence) => this.warnings.push(sentence),
    })
    onTestFinished(() => this.end())
  }

  /** All entries of one more round. */
  async round(): Promise<LocatedEntry[]> {
    const entries: LocatedEntry[] = []
    for (
      let next = await this.#batches.next();
      next.done !== true && next.value.length > 0;
      next = await this.#batches.next()
    )
      entries.push(...next.value)
    return entries
  }

  /** The numbers in the {@link line}s of some rounds. */
  async numbers(rounds = 1): Promise<number[]> {
    const entries: LocatedEntry[] = []
    for (let round = 0; round < rounds; round += 1) entries.push(...(await this.round()))
    return entries.map(numberOf)
  }

  async end(): Promise<void> {
    this.#controller.abort()
    await this.#batches.return(undefined)
  }
}

/** A line with a number, as long as the shortest throughline line. */
export function line(number: number): string {
  return `${JSON.stringify({ number, text: 'at least as long as a throughline line'.repeat(2) })}\n`
}

export function lines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join('')
}

function numberOf(entry: LocatedEntry): number {
  return entry.kind === 'other' && entry.fields !== undefined && 'number' in entry.fields
    ? Number(entry.fields.number)
    : -1
}
