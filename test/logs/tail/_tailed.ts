import { onTestFinished } from 'vitest'
import type { LocatedEntry } from '../../../src/logs/log-entry.ts'
import { tail } from '../../../src/logs/tail/tail.ts'

/** Logs that are followed, round by round, as the test asks for them. */
export class Tailed {
  readonly troubles: string[] = []
  readonly #ending = new AbortController()
  readonly #batches: AsyncGenerator<LocatedEntry[]>

  constructor(...names: readonly string[]) {
    this.#batches = tail(names, {
      signal: this.#ending.signal,
      wait: () => Promise.resolve(),
      onWarning: (sentence) => this.troubles.push(sentence),
    })
    onTestFinished(() => this.end())
  }

  /** All that there is in one more round. */
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

  /** The numbers that {@link line} wrote, of some rounds. */
  async numbers(rounds = 1): Promise<number[]> {
    const entries: LocatedEntry[] = []
    for (let round = 0; round < rounds; round += 1) entries.push(...(await this.round()))
    return entries.map(numberOf)
  }

  async end(): Promise<void> {
    this.#ending.abort()
    await this.#batches.return(undefined)
  }
}

/** A line that says its number, as long as lines of ours are at least. */
export function line(number: number): string {
  return `${JSON.stringify({ number, text: 'as long as a line of ours is at least'.repeat(2) })}\n`
}

export function lines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join('')
}

function numberOf(entry: LocatedEntry): number {
  return entry.kind === 'other' && entry.fields !== undefined && 'number' in entry.fields
    ? Number(entry.fields.number)
    : -1
}
