import {
  appendFileSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { line, lines, Tailed } from './_tailed.ts'

function folder(): (name: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'throughline-tail-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return (name) => join(path, name)
}

/** How many descriptors of a file or folder this process has open; undefined if the system does not report it. */
function timesOpen(path: string): number | undefined {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path)
      } catch {
        // This is the descriptor of the listing, which is closed already.
        return false
      }
    }).length
  } catch {
    return undefined
  }
}

describe('a file that grows', () => {
  test('is read from its start and then followed, with its name and line numbers', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 2))
    const tailed = new Tailed(at('a.log'))
    expect(await tailed.round()).toMatchObject([
      { file: at('a.log'), line: 1 },
      { file: at('a.log'), line: 2 },
    ])
    expect(await tailed.round()).toEqual([])
    appendFileSync(at('a.log'), `\n${lines(3, 3)}`)
    expect(await tailed.round()).toMatchObject([{ kind: 'other', fields: { number: 3 }, line: 4 }])
  })

  test('yields a line once it is complete, however it was written', async () => {
    const at = folder()
    const tailed = new Tailed(at('a.log'))
    const bytes = Buffer.from(line(1).replace('text', 'tëxt'))
    for (const byte of bytes.subarray(0, -1)) {
      appendFileSync(at('a.log'), Buffer.of(byte))
      expect(await tailed.round()).toEqual([])
    }
    appendFileSync(at('a.log'), '\n')
    expect(await tailed.round()).toMatchObject([{ fields: { number: 1, tëxt: expect.any(String) as string } }])
  })

  test('with a line that is too long is read on after that line', async () => {
    const at = folder()
    writeFileSync(at('a.log'), `{"long":"${'x'.repeat(3_000_000)}"}\n${line(2)}`)
    expect(await new Tailed(at('a.log')).round()).toMatchObject([
      { kind: 'damaged', line: 1 },
      { fields: { number: 2 }, line: 2 },
    ])
  })

  test('with two names is read once', async () => {
    const at = folder()
    writeFileSync(at('a.log'), line(1))
    linkSync(at('a.log'), at('b.log'))
    symlinkSync(at('a.log'), at('c.log'))
    expect(await new Tailed(at('*.log'), at('a.log')).numbers(3)).toEqual([1])
  })

  test('is read in step with the other files, in order of time', async () => {
    const at = folder()
    const note = { lifecycle: 'note', event: 'X', state: 'S', trace_id: 't', request_id: 'r', text: 'x'.repeat(1_000) }
    const noteAt = (time: number): string => `${JSON.stringify({ ...note, time })}\n`
    for (const [name, start] of [
      ['a', 0],
      ['b', 1],
    ] as const)
      writeFileSync(at(`${name}.log`), Array.from({ length: 2_000 }, (_, index) => noteAt(2 * index + start)).join(''))
    const times = (await new Tailed(at('*.log')).round()).map((entry) =>
      entry.kind === 'record' ? entry.record.time : NaN,
    )
    expect(times).toHaveLength(4_000)
    let latest = 0
    for (const time of times) {
      expect(latest - time).toBeLessThan(1_200)
      latest = Math.max(latest, time)
    }
  })
})

describe('a file that is rotated', () => {
  test('by renaming is read to its end before the new file', async () => {
    const at = folder()
    writeFileSync(at('a.log'), line(1))
    const tailed = new Tailed(at('a.log'))
    expect(await tailed.numbers()).toEqual([1])
    appendFileSync(at('a.log'), line(2))
    renameSync(at('a.log'), at('a.log.1'))
    expect(await tailed.numbers()).toEqual([2])
    appendFileSync(at('a.log.1'), line(3))
    writeFileSync(at('a.log'), line(4))
    expect(await tailed.numbers()).toEqual([3, 4])
    // Its writer may switch to the new file later.
    appendFileSync(at('a.log.1'), line(5))
    appendFileSync(at('a.log'), line(6))
    expect(await tailed.numbers()).toEqual([5, 6])
  })

  test('by renaming is followed under its new name if a pattern matches it', async () => {
    const at = folder()
    writeFileSync(at('a.log'), line(1))
    const tailed = new Tailed(at('a.log*'))
    await tailed.round()
    renameSync(at('a.log'), at('a.log.1'))
    writeFileSync(at('a.log'), line(2))
    appendFileSync(at('a.log.1'), line(3))
    expect((await tailed.numbers(5)).sort()).toEqual([2, 3])
    for (let round = 0; round < 100; round += 1) await tailed.round()
    appendFileSync(at('a.log.1'), line(4))
    expect(await tailed.round()).toMatchObject([{ fields: { number: 4 }, file: at('a.log.1'), line: 3 }])
  })

  test('by copying is continued in the copy, and then read from its start', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 30))
    const tailed = new Tailed(at('a.log*'))
    await tailed.round()
    appendFileSync(at('a.log'), lines(31, 40))
    copyFileSync(at('a.log'), at('a.log.1'))
    truncateSync(at('a.log'))
    appendFileSync(at('a.log'), lines(41, 42))
    expect((await tailed.numbers(5)).sort()).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42])
  })

  test('by copying is recognised as new after it has grown beyond its old size', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 30))
    const tailed = new Tailed(at('a.log'))
    await tailed.round()
    writeFileSync(at('a.log'), lines(31, 90))
    expect(await tailed.round()).toHaveLength(60)
    writeFileSync(at('a.log'), lines(10, 69))
    expect(statSync(at('a.log')).size).toBe(lines(31, 90).length)
    expect(await tailed.round()).toMatchObject(Array.from({ length: 60 }, (_, index) => ({ line: index + 1 })))
  })

  test.each([3, 12_000])(
    'by copying while the writer does not append is continued after the NULs of %i lines',
    async (before) => {
      const at = folder()
      const writer = openSync(at('a.log'), 'w')
      writeSync(writer, lines(1, before))
      const tailed = new Tailed(at('a.log'))
      await tailed.round()
      truncateSync(at('a.log'))
      writeSync(writer, lines(before + 1, before + 3))
      expect(await tailed.numbers()).toEqual([before + 1, before + 2, before + 3])
      writeSync(writer, line(before + 4))
      closeSync(writer)
      expect(await tailed.numbers()).toEqual([before + 4])
    },
  )

  test('and truncated to its last whole line is continued there', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 30))
    const { size } = statSync(at('a.log'))
    appendFileSync(at('a.log'), '{"half":')
    const tailed = new Tailed(at('a.log'))
    await tailed.round()
    truncateSync(at('a.log'), size)
    expect(await tailed.numbers()).toEqual([])
    appendFileSync(at('a.log'), line(31))
    expect(await tailed.round()).toMatchObject([{ fields: { number: 31 }, line: 31 }])
  })

  test('and emptied is read from its start, and an unfinished line is dropped', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 3) + '{"half":')
    const tailed = new Tailed(at('a.log'))
    await tailed.round()
    writeFileSync(at('a.log'), line(4))
    expect(await tailed.round()).toMatchObject([{ fields: { number: 4 }, line: 1 }])
  })

  test('and deleted is read from its start once it exists again', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 3))
    const tailed = new Tailed(at('a.log'))
    await tailed.round()
    rmSync(at('a.log'))
    expect(await tailed.numbers(3)).toEqual([])
    writeFileSync(at('a.log'), lines(4, 9))
    expect(await tailed.numbers()).toEqual([4, 5, 6, 7, 8, 9])
    expect(tailed.warnings).toEqual([])
  })

  test('is closed after a time without new lines, and its last line needs no line feed', async () => {
    const at = folder()
    writeFileSync(at('a.log'), line(1) + line(2).trimEnd())
    const tailed = new Tailed(at('a.log'))
    expect(await tailed.numbers()).toEqual([1])
    rmSync(at('a.log'))
    expect(timesOpen(at('a.log'))).not.toBe(0)
    expect(await tailed.numbers(60)).toEqual([2])
    expect(timesOpen(at('a.log')) ?? 0).toBe(0)
  })
})

describe('new files', () => {
  test('are found by name or pattern, and reported as missing once', async () => {
    const at = folder()
    const tailed = new Tailed(at('a.log'), at('*.ndjson'))
    expect(await tailed.numbers(9)).toEqual([])
    expect(tailed.warnings.map((sentence) => sentence.replaceAll(`${at('')}/`, ''))).toEqual([
      'waiting for files that match *.ndjson: there are none yet',
      'waiting for a.log: it does not exist yet',
    ])
    writeFileSync(at('a.log'), line(1))
    writeFileSync(at('b.ndjson'), line(2))
    expect((await tailed.numbers(5)).sort()).toEqual([1, 2])
    writeFileSync(at('c.ndjson'), line(3))
    expect(await tailed.numbers(5)).toEqual([3])
  })

  test('in gzip format are read once they have stopped growing', async () => {
    const at = folder()
    writeFileSync(at('old.gz'), gzipSync(lines(1, 2)))
    const tailed = new Tailed(at('*.gz'))
    expect(await tailed.numbers(3)).toEqual([1, 2])
    const compressed = gzipSync(lines(3, 900), { level: 0 })
    writeFileSync(at('new.gz'), compressed.subarray(0, 5_000))
    for (let end = 10_000; end < compressed.length; end += 5_000) {
      appendFileSync(at('new.gz'), compressed.subarray(end - 5_000, end))
      expect(await tailed.numbers()).toEqual([])
    }
    appendFileSync(at('new.gz'), compressed.subarray(compressed.length - (compressed.length % 5_000)))
    expect(await tailed.numbers(9)).toHaveLength(898)
  })

  test('that are the compressed form of a followed file are skipped', async () => {
    const at = folder()
    writeFileSync(at('a.log'), lines(1, 200))
    const tailed = new Tailed(at('a.log*'))
    await tailed.round()
    renameSync(at('a.log'), at('a.log.1'))
    writeFileSync(at('a.log'), line(201))
    expect(await tailed.numbers(5)).toEqual([201])
    writeFileSync(at('a.log.1.gz'), gzipSync(lines(1, 200)))
    rmSync(at('a.log.1'))
    writeFileSync(at('a.log.9.gz'), gzipSync(lines(202, 203)))
    expect(await tailed.numbers(60)).toEqual([202, 203])
    // The uncompressed file was removed long ago.
    writeFileSync(at('a.log.2.gz'), gzipSync(lines(1, 200)))
    expect(await tailed.numbers(9)).toEqual([])
  })
})

describe('a file that cannot be read', () => {
  test('at present is reported once, and tried again', async () => {
    const at = folder()
    symlinkSync(at('a.log'), at('a.log'))
    writeFileSync(at('b.log'), line(1))
    const tailed = new Tailed(at('a.log'), at('b.log'))
    expect(await tailed.numbers(3)).toEqual([1])
    expect(tailed.warnings).toEqual([expect.stringMatching(/^cannot read .*a\.log at present: ELOOP/)])
    rmSync(at('a.log'))
    writeFileSync(at('a.log'), line(2))
    expect(await tailed.numbers()).toEqual([2])
    rmSync(at('a.log'))
    symlinkSync(at('a.log'), at('a.log'))
    expect(await tailed.numbers()).toEqual([])
    expect(tailed.warnings).toHaveLength(2)
  })

  test('because it is a folder or a device is rejected', async () => {
    const at = folder()
    mkdirSync(at('logs'))
    await expect(new Tailed(at('logs')).round()).rejects.toThrow(/logs: it is a folder: name its files/)
    await expect(new Tailed('/dev/null').round()).rejects.toThrow(
      'cannot follow /dev/null: it is not a file: redirect it to standard input and pass -',
    )
  })
})

test('more files than the limit of open files are followed, and all are closed at the end', async () => {
  const at = folder()
  const names = Array.from({ length: 300 }, (_, index) => at(`${index}.log`))
  for (const [index, name] of names.entries()) writeFileSync(name, line(index))
  const tailed = new Tailed(at('*.log'))
  expect(new Set(await tailed.numbers())).toEqual(new Set(names.keys()))
  expect(timesOpen(at('')) ?? 256).toBe(256)
  for (const [index, name] of names.entries()) appendFileSync(name, line(1_000 + index))
  expect(new Set(await tailed.numbers())).toEqual(new Set(names.map((_, index) => 1_000 + index)))
  await tailed.end()
  expect(timesOpen(at('')) ?? 0).toBe(0)
})

/** What a writer and a rotation may do to a log. */
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 5 }),
      cut: fc.nat(500),
    }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('read' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constantFrom('rename', 'copy', 'empty', 'regrow', 'replace', 'compress') }),
  },
)

test('every whole line is read exactly once, through any writes and rotations', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a.log', 'b.log'), action), { maxLength: 40, size: 'max' }),
      async (actions) => {
        const path = mkdtempSync(join(tmpdir(), 'throughline-tail-'))
        const at = (name: string): string => join(path, name)
        const tailed = new Tailed(at('?.log*'))
        const got: number[] = []
        const halves = new Map<string, string>()
        let written = 0
        let rotations = 0
        const read = async (): Promise<void> => void got.push(...(await tailed.numbers(5)))
        const write = (name: string, count: number, cut: number): void => {
          const text = (halves.get(name) ?? '') + lines(written, (written += count) - 1)
          const end = text.length - Math.min(cut, text.length)
          appendFileSync(at(name), text.slice(0, end))
          halves.set(name, text.slice(end))
        }
        const whole = (name: string): void => write(name, 1, 0)
        for (const [name, { what, ...more }] of actions) {
          const rotated = `${name}.${(rotations += 1)}`
          if (what === 'read') await read()
          else if (what === 'append') write(name, 'count' in more ? more.count : 1, 'cut' in more ? more.cut : 0)
          else {
            // The writer completes its unfinished line.
            if (what !== 'rename') whole(name)
            if (what === 'empty' || what === 'regrow' || what === 'replace' || what === 'compress') await read()
            if (what === 'rename') {
              write(name, 1, 30)
              renameSync(at(name), at(rotated))
              appendFileSync(at(rotated), halves.get(name) ?? '')
              halves.delete(name)
            } else if (what === 'copy') {
              copyFileSync(at(name), at(rotated))
              truncateSync(at(name))
            } else if (what === 'compress') {
              writeFileSync(at(`${rotated}.gz`), gzipSync(readFileSync(at(name))))
              rmSync(at(name))
            } else if (what === 'replace') rmSync(at(name))
            else {
              const { size } = statSync(at(name))
              truncateSync(at(name))
              if (what === 'regrow') while (statSync(at(name)).size <= size) whole(name)
            }
          }
        }
        for (const name of halves.keys()) whole(name)
        await read()
        await tailed.end()
        rmSync(path, { recursive: true })
        expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, index) => index))
      },
    ),
    { numRuns: 60 },
  )
})
