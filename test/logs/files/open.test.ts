import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openLog } from '../../../src/logs/files/open.ts'
import { resolveFiles } from '../../../src/logs/files/resolve.ts'

const folder = mkdtempSync(join(tmpdir(), 'throughline-logs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function read(path: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of openLog(path)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const many = Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join('')

describe('openLog', () => {
  it('reads plain files, empty ones too', async () => {
    expect(await read(file('plain.ndjson', 'a\nb\n'))).toBe('a\nb\n')
    expect(await read(file('empty.ndjson', ''))).toBe('')
    expect(await read(file('one-byte', '\u001f'))).toBe('\u001f')
  })

  it('detects gzip by its content, with any file name, and reads all of its members', async () => {
    expect(await read(file('a.gz', gzipSync(many)))).toBe(many)
    expect(await read(file('rotated.1', Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])))).toBe('a\nb\n')
    expect(await read(file('plain.gz', 'no gzip\n'))).toBe('no gzip\n')
  })

  it('detects zstd by its content, and reports why it cannot be decompressed', async () => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 0x11, 0, 0, 0x61, 0x0a])
    expect(await read(file('compressed.log', Buffer.concat([frame, frame])))).toBe('a\na\n')
    const unreadable = file('dictionary.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 0x58, 9, 0x11, 0, 0, 0x61, 0x0a]))
    await expect(read(unreadable)).rejects.toThrow(
      /dictionary\.zst: it starts like zstd, but it was compressed with a dictionary: fetch it again, or decompress it/,
    )
  })

  it('reads a corrupted log up to the corruption, and reports its name', async () => {
    const torn = file('torn.gz', Buffer.concat([gzipSync(many), Buffer.from('no gzip')]))
    const sentences: string[] = []
    const chunks: Uint8Array[] = []
    for await (const chunk of openLog(torn, { onDamage: (sentence) => sentences.push(sentence) })) chunks.push(chunk)
    expect(many.startsWith(Buffer.concat(chunks).toString())).toBe(true)
    expect(sentences).toEqual([
      `${torn} is corrupted (incorrect header check): it was read up to there; fetch it again`,
    ])
  })

  it('reads gzip that ends too early as far as possible', async () => {
    const whole = gzipSync(many)
    const had = await read(file('cut.gz', whole.subarray(0, whole.length >> 1)))
    expect(had.length).toBeGreaterThan(1_000)
    expect(many.startsWith(had)).toBe(true)
  })
})

describe('resolveFiles', () => {
  it('finds files by name and by glob, each once', async () => {
    const [one, two] = [file('x1.log', ''), file('x2.log', '')]
    expect(await resolveFiles([join(folder, 'x*.log'), two, one])).toEqual([one, two])
    expect(await resolveFiles([two, one, two, '-'])).toEqual([two, one, '-'])
  })

  it('finds a file whose name looks like a pattern', async () => {
    const odd = file('odd[1].log', '')
    expect(await resolveFiles([odd])).toEqual([odd])
  })

  it.each([
    ['missing.log', /cannot read .*missing\.log: there is no such file/],
    ['nothing-*.log', /cannot read .*nothing-\*\.log: no file matches the pattern/],
    ['folder', /cannot read .*folder: it is a folder: name its files, such as ".*folder\/\*\.ndjson"/],
  ])('reports for %s the problem and the fix', async (name, message) => {
    mkdirSync(join(folder, 'folder'), { recursive: true })
    await expect(resolveFiles([join(folder, name)])).rejects.toThrow(message)
    await expect(resolveFiles([join(folder, name)])).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })
})
