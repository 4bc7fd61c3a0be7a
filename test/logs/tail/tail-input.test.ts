import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { tail } from '../../../src/logs/tail/tail.ts'
import { line } from './_tailed.ts'

/** Replaces the standard input of this process with a stream. */
function input(): PassThrough {
  const stream = new PassThrough()
  // It has all members of a readable stream, and those of a terminal are not used.
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stream as unknown as typeof process.stdin)
  return stream
}

/** The lengths of the batches if one line arrives in each pause, and then the input ends. */
async function batchesOf(lines: number): Promise<number[]> {
  const stream = input()
  let read = (): void => undefined
  let pauses = 0
  const wait = (): Promise<void> => {
    pauses += 1
    if (pauses <= lines) {
      stream.write(line(pauses))
      return new Promise((resolve) => (read = resolve))
    }
    if (pauses > lines + 1) stream.end()
    return nextTurn()
  }
  const batches: number[] = []
  for await (const entries of tail(['-'], { signal: new AbortController().signal, wait })) {
    batches.push(entries.length)
    if (entries.length > 0) read()
  }
  return batches
}

describe('standard input', () => {
  test('is up to date only when it pauses', async () => {
    expect((await batchesOf(5)).join('')).toMatch(/^0111110+$/)
  })

  test('that never pauses counts as up to date after every 40 rounds', async () => {
    expect((await batchesOf(90)).join('')).toMatch(/^01{40}01{40}01{10}0+$/)
  })

  test('has a name and line numbers, and its last line needs no line feed', async () => {
    const stream = input()
    stream.end(line(1) + line(2).trimEnd())
    const entries = []
    for await (const batch of tail(['-', '-'], { signal: new AbortController().signal })) entries.push(...batch)
    expect(entries).toMatchObject([
      { file: '-', line: 1, fields: { number: 1 } },
      { file: '-', line: 2, fields: { number: 2 } },
    ])
  })

  test('that cannot be decompressed causes an error', async () => {
    const stream = input()
    stream.end(Buffer.of(0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
    const readAll = async (): Promise<void> => {
      for await (const entries of tail(['-'], { signal: new AbortController().signal })) expect(entries).toEqual([])
    }
    await expect(readAll()).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })

  test('is closed by the signal while it is still open', async () => {
    const stream = input()
    const controller = new AbortController()
    let batches = 0
    // The pause never ends, so only the signal can end the reading.
    for await (const entries of tail(['-'], { signal: controller.signal, wait: () => new Promise(() => undefined) })) {
      batches += 1
      if (entries.length === 0) setImmediate(() => controller.abort())
    }
    expect([batches, stream.destroyed]).toEqual([1, true])
  })
})
