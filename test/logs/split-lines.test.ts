import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitLines, type NumberedLine } from '../../src/logs/split-lines.ts'

const LIMIT = 1_048_576

async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}

async function split(...chunks: readonly (string | Uint8Array)[]): Promise<NumberedLine[]> {
  const lines: NumberedLine[] = []
  for await (const batch of splitLines(stream(chunks.map((chunk) => Buffer.from(chunk))))) lines.push(...batch)
  return lines
}

async function texts(...chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  return (await split(...chunks)).map(({ text }) => text.trimEnd())
}

describe('lines', () => {
  test.each<[what: string, bytes: string | Uint8Array, lines: string[]]>([
    ['nothing', '', []],
    ['a line end alone', '\n', ['']],
    ['LF', 'a\nb\n', ['a', 'b']],
    ['CRLF', 'a\r\nb\r\n', ['a', 'b']],
    ['no last line end', 'a\nb', ['a', 'b']],
    ['empty lines', '\n\na\n\n', ['', '', 'a', '']],
    ['a byte order mark', '\ufeffa\nb', ['a', 'b']],
    ['a byte order mark later is text', 'a\n\ufeffb', ['a', '\ufeffb']],
    ['characters beyond ASCII', 'ü\n日本\n💥', ['ü', '日本', '💥']],
    ['invalid UTF-8', Uint8Array.of(0x61, 0xff, 0x0a, 0xc3, 0x0a, 0x62), ['a\ufffd', '\ufffd', 'b']],
    ['NULs', '\0\0a\nb', ['\0\0a', 'b']],
  ])('%s', async (_, bytes, lines) => {
    expect(await texts(bytes)).toEqual(lines)
  })

  test('are numbered from 1, with empty ones', async () => {
    expect(await split('a\n\nb')).toEqual([
      { text: 'a', line: 1 },
      { text: '', line: 2 },
      { text: 'b', line: 3 },
    ])
  })

  test('do not depend on the chunks of the stream', async () => {
    const bytes = fc
      .array(fc.oneof(fc.constantFrom('\n', '\r\n', '\ufeff', 'ü', '💥', '\0', 'abc'), fc.string({ unit: 'binary' })), {
        maxLength: 12,
      })
      .map((parts) => Buffer.from(parts.join('')))
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(60), { maxLength: 6 }), async (whole, cuts) => {
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b), whole.length]
        const chunks = places.slice(1).map((end, index) => whole.subarray(places[index], end))
        expect(await split(...chunks)).toEqual(await split(whole))
      }),
      { numRuns: 500 },
    )
  })

  test('are copied from a stream that reuses its memory', async () => {
    const memory = Buffer.alloc(3)
    async function* reused(): AsyncGenerator<Uint8Array> {
      for (const text of ['abc', 'de\n', 'fgh']) yield await Promise.resolve(memory.fill(text))
    }
    const lines: string[] = []
    for await (const batch of splitLines(reused())) lines.push(...batch.map(({ text }) => text))
    expect(lines).toEqual(['abcde', 'fgh'])
  })
})

describe('a line that is too long', () => {
  test('is cut, and the next one is read', async () => {
    const long = 'x'.repeat(LIMIT + 5)
    for (const chunks of [[`${long}\nnext\n`], [long, 'y', '\nnext\n'], ['x', long, '\nnext']]) {
      expect((await split(...chunks)).map(({ text, line }) => [text.length, line])).toEqual([
        [LIMIT, 1],
        [4, 2],
      ])
    }
  })

  test('of any length needs only the memory of its first part', async () => {
    const chunk = Buffer.alloc(4 * LIMIT, 'x')
    function* endless(): Generator<Uint8Array> {
      for (let mebibytes = 0; mebibytes < 256; mebibytes += 4) yield chunk
      yield Buffer.from('\nnext\n')
    }
    const before = process.memoryUsage()
    let peak = 0
    const lines: number[] = []
    for await (const batch of splitLines(stream(endless()))) {
      lines.push(...batch.map(({ text }) => text.length))
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before.arrayBuffers)
    }
    expect(lines).toEqual([LIMIT, 4])
    expect(peak).toBeLessThan(32 * LIMIT)
  })
})
