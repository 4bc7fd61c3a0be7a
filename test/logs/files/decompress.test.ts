import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decompress } from '../../../src/logs/files/decompress.ts'

interface Decompressed {
  readonly text: string
  readonly damage: readonly string[]
}

/** Decompresses bytes that arrive in pieces, for a reader that waits some turns of the event loop after each chunk. */
async function decompressAll(bytes: Buffer, pieceBytes = 1_000, turns = 0): Promise<Decompressed> {
  const damage: string[] = []
  const chunks: Uint8Array[] = []
  for await (const chunk of decompress(pieces(bytes, pieceBytes), (reason) => damage.push(reason))) {
    chunks.push(Buffer.from(chunk))
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
  }
  return { text: Buffer.concat(chunks).toString('latin1'), damage }
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  // Like a stream, it never yields synchronously.
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

/** A zstd frame of uncompressed blocks, so that its content is known byte by byte. */
function frame(blocks: readonly string[], { checksum = false, descriptor = 0, head = [0x58] } = {}): Buffer {
  const written = blocks.map((text, index) => {
    const header = Buffer.alloc(3)
    header.writeUIntLE((text.length << 3) | (index === blocks.length - 1 ? 1 : 0), 0, 3)
    return Buffer.concat([header, Buffer.from(text, 'latin1')])
  })
  const start = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, descriptor, ...head])
  return Buffer.concat([start, ...written, ...(checksum ? [Buffer.alloc(4)] : [])])
}

function skippable(bytes: number): Buffer {
  const head = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
  head.writeUInt32LE(bytes, 4)
  return Buffer.concat([head, Buffer.alloc(bytes, 'x')])
}

/** Two frames of the zstd tool with a skippable one between them. The first has a checksum and level 22. */
const FRAMES = Buffer.from(readFileSync(join(import.meta.dirname, 'frames.zst.base64'), 'utf8'), 'base64')
const LINES = Array.from({ length: 300 }, (_, index) => {
  const service = index % 2 === 0 ? 'gateway' : 'auth'
  const msg = `line ${(index * 7_919) % 1_000}`
  return `${JSON.stringify({ level: 30, time: 1_790_000_000_000 + index * 7, service, seq: index, msg })}\n`
}).join('')

const text = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
})
const pieceBytes = fc.integer({ min: 1, max: 64 })

describe('gzip', () => {
  const compressed = (texts: readonly string[], zeros: number): Buffer =>
    Buffer.concat([...texts.map((one) => gzipSync(Buffer.from(one, 'latin1'))), Buffer.alloc(zeros)])

  test('with any number of members and zeros after them is decompressed in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 5 }),
        fc.nat(600),
        pieceBytes,
        async (texts, zeros, size) => {
          expect(await decompressAll(compressed(texts, zeros), size)).toEqual({ text: texts.join(''), damage: [] })
        },
      ),
    )
  })

  test('of any length is decompressed for a reader of any speed', async () => {
    const much = LINES.repeat(10)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: much.length }),
        fc.constantFrom(100, 5_000, 1_000_000),
        fc.nat(20),
        async (length, size, turns) => {
          expect((await decompressAll(gzipSync(much.slice(0, length)), size, turns)).text.length).toBe(length)
        },
      ),
      { examples: [[54_856, 1_000_000, 10]] },
    )
  })

  test('that ends too early, at any byte, yields everything that can be decompressed', async () => {
    const whole = compressed([LINES.slice(0, 400), 'the end'], 0)
    const first = gzipSync(LINES.slice(0, 400)).length
    let longest = 0
    for (let cut = 2; cut < whole.length; cut += 1) {
      const { text: had, damage } = await decompressAll(whole.subarray(0, cut), 50)
      expect(damage).toEqual([])
      expect(`${LINES.slice(0, 400)}the end`.startsWith(had)).toBe(true)
      expect(had.length).toBeGreaterThanOrEqual(longest)
      if (cut >= first) expect(had.length).toBeGreaterThanOrEqual(400)
      longest = had.length
    }
  })

  test('yields everything up to a corruption, and reports it', async () => {
    const broken = Buffer.concat([gzipSync('whole\n'), gzipSync('lost\n').fill(0xff, 10)])
    expect(await decompressAll(broken)).toMatchObject({ text: 'whole\n', damage: [expect.stringMatching(/./)] })
    const wrongSum = Buffer.concat([gzipSync('whole\n').subarray(0, 10), deflateRawSync('whole\n'), Buffer.alloc(8, 1)])
    expect(await decompressAll(wrongSum)).toMatchObject({ text: 'whole\n', damage: [expect.stringMatching(/./)] })
    expect(await decompressAll(Buffer.concat([gzipSync('whole\n'), Buffer.from('no gzip')]))).toMatchObject({
      text: 'whole\n',
      damage: [expect.stringMatching(/./)],
    })
  })

  test('that is not valid from its start causes an error', async () => {
    await expect(decompressAll(Buffer.from([0x1f, 0x8b, 1, 2, 3]))).rejects.toMatchObject({ code: 'Z_DATA_ERROR' })
  })
})

describe('zstd', () => {
  test('with several frames of the zstd tool is decompressed in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2_000 }), async (size) => {
        expect(await decompressAll(FRAMES, size)).toEqual({ text: LINES, damage: [] })
      }),
      { numRuns: 20 },
    )
  })

  test('with any blocks, frames, skippable frames and zeros is decompressed in pieces of any size', async () => {
    const frames = fc.array(fc.oneof(fc.array(text, { minLength: 1, maxLength: 3 }), fc.nat(50)), {
      minLength: 1,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(frames, fc.nat(20), pieceBytes, async (all, zeros, size) => {
        const bytes = Buffer.concat([
          ...all.map((one) => (typeof one === 'number' ? skippable(one) : frame(one))),
          Buffer.alloc(zeros),
        ])
        expect(await decompressAll(bytes, size)).toEqual({
          text: all.flatMap((one) => (typeof one === 'number' ? [] : one)).join(''),
          damage: [],
        })
      }),
    )
  })

  test('that ends too early, at any byte, yields its whole blocks', async () => {
    const blocks = ['first\n', 'second\n', 'third\n']
    const whole = Buffer.concat([frame(blocks.slice(0, 2)), skippable(7), frame(blocks.slice(2))])
    const ends = [4 + 2 + 3 + 6, 4 + 2 + 3 + 6 + 3 + 7, whole.length]
    for (let cut = 2; cut < whole.length; cut += 1) {
      const had = blocks.filter((_, index) => (ends[index] ?? 0) <= cut).join('')
      expect(await decompressAll(whole.subarray(0, cut), 5)).toEqual({ text: had, damage: [] })
    }
  })

  test.each([
    [
      'no frame after the first',
      Buffer.concat([frame(['whole\n']), Buffer.from('no frame')]),
      'a frame header is expected and missing',
    ],
    [
      'a block of an unknown type',
      Buffer.concat([frame(['whole\n']), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0])]),
      'a block header is expected and missing',
    ],
    [
      'a window of terabytes',
      Buffer.concat([frame(['whole\n']), frame(['x'], { head: [0xff] })]),
      'it needs more than 128 MB of memory',
    ],
    [
      'a content size of terabytes',
      Buffer.concat([frame(['whole\n']), frame(['x'], { descriptor: 0xe0, head: [0, 0, 0, 0, 0, 9, 0, 0] })]),
      'it needs more than 128 MB of memory',
    ],
    [
      'a dictionary',
      Buffer.concat([frame(['whole\n']), frame(['x'], { descriptor: 1, head: [0x58, 9] })]),
      'it was compressed with a dictionary',
    ],
  ])('with %s yields everything before it, and reports it', async (_, bytes, reason) => {
    expect(await decompressAll(bytes)).toEqual({ text: 'whole\n', damage: [reason] })
  })

  test('with any flipped byte ends, and yields a bounded number of bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: FRAMES.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = Buffer.from(FRAMES)
          bytes[at] = (bytes[at] ?? 0) ^ flip
          const had = await decompressAll(bytes, 100).catch((error: unknown) => error)
          if (had instanceof Error) expect(had).toMatchObject({ code: expect.stringMatching(/^ZSTD_/) as string })
          else expect((had as Decompressed).text.length).toBeLessThan(2 ** 20)
        },
      ),
    )
  })

  test('that is not valid from its start causes an error', async () => {
    await expect(decompressAll(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0]))).rejects.toMatchObject({
      code: 'ZSTD_DAMAGED',
    })
  })
})

test('plain bytes of any length are not changed', async () => {
  await fc.assert(
    fc.asyncProperty(
      text.filter((one) => !/^(?:\x1f\x8b|\x28\xb5|[\x50-\x5f]\x2a)/.test(one)),
      pieceBytes,
      async (one, size) => {
        expect(await decompressAll(Buffer.from(one, 'latin1'), size)).toEqual({ text: one, damage: [] })
      },
    ),
  )
})

test('an error of the source is not a corruption', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(gzipSync('whole\n'))
    throw Object.assign(new Error('the disk is gone'), { code: 'EIO' })
  }
  const read = async (): Promise<void> => {
    for await (const chunk of decompress(failing())) expect(Buffer.from(chunk).toString()).toBe('whole\n')
  }
  await expect(read()).rejects.toMatchObject({ code: 'EIO' })
})
