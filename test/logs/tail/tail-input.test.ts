import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { tail } from '../../../src/logs/tail/tail.ts'
import { line } from './_tailed.ts'

/** A stream in the place of this process's own input. */
function input(): PassThrough {
  const stream = new PassThrough()
  // As a stream that is read it is one; nothing asks for the rest of a terminal.
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stream as unknown as typeof process.stdin)
  return stream
}

/** The lengths of the batches while one line after the other comes, each within a pause, and then the input ends. */
async function batchesOf(lines: number): Promise<number[]> {
  const stream = input()
  let taken = (): void => undefined
  let pauses = 0
  const wait = (): Promise<void> => {
    pauses += 1
    if (pauses <= lines) {
      stream.write(line(pauses))
      return new Promise((resolve) => (taken = resolve))
    }
    if (pauses > lines + 1) stream.end()
    return nextTurn()
  }
  const batches: number[] = []
  for await (const entries of tail(['-'], { signal: new AbortController().signal, wait })) {
    batches.push(entries.length)
    if (entries.length > 0) taken()
  }
  return batches
}

describe('standard input', () => {
  test('is up to date when it pauses, and not between', async () => {
    expect((await batchesOf(5)).join('')).toMatch(/^0111110+$/)
  })

  test('that never pauses is taken to be up to date from time to time', async () => {
    expect((await batchesOf(90)).join('')).toMatch(/^01{40}01{40}01{10}0+$/)
  })

  test('has its names and numbers as others have, and ends with what needs no line feed', async () => {
    const stream = input()
    stream.end(line(1) + line(2).trimEnd())
    const entries = []
    for await (const batch of tail(['-', '-'], { signal: new AbortController().signal })) entries.push(...batch)
    expect(entries).toMatchObject([
      { file: '-', line: 1, fields: { number: 1 } },
      { file: '-', line: 2, fields: { number: 2 } },
    ])
  })

  test('that cannot be unpacked is an error', async () => {
    const stream = input()
    stream.end(Buffer.of(0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
    const read = async (): Promise<void> => {
      for await (const entries of tail(['-'], { signal: new AbortController().signal })) expect(entries).toEqual([])
    }
    await expect(read()).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })

  test('is let go by the signal while it stays open', async () => {
    const stream = input()
    const ending = new AbortController()
    let batches = 0
    // The pause never passes: the signal alone ends it.
    for await (const entries of tail(['-'], { signal: ending.signal, wait: () => new Promise(() => undefined) })) {
      batches += 1
      if (entries.length === 0) setImmediate(() => ending.abort())
    }
    expect([batches, stream.destroyed]).toEqual([1, true])
  })
})
