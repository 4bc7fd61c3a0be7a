import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openLog, resolveFiles } from '../../src/logs/log-files.ts'

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

const many = Array.from({ length: 60_000 }, (_, index) => `line ${String(index)}\n`).join('')

describe('openLog', () => {
  it('reads plain files, empty ones too', async () => {
    expect(await read(file('plain.ndjson', 'a\nb\n'))).toBe('a\nb\n')
    expect(await read(file('empty.ndjson', ''))).toBe('')
    expect(await read(file('one-byte', '\u001f'))).toBe('\u001f')
  })

  it('reads gzip by its content, whatever it is called, and all of its members', async () => {
    expect(await read(file('a.gz', gzipSync(many)))).toBe(many)
    expect(await read(file('rotated.1', Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])))).toBe('a\nb\n')
    expect(await read(file('plain.gz', 'no gzip\n'))).toBe('no gzip\n')
  })

  it('gives what can be had of gzip that ends too soon', async () => {
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
  ])('says of %s what is wrong and how to mend it', async (name, message) => {
    mkdirSync(join(folder, 'folder'), { recursive: true })
    await expect(resolveFiles([join(folder, name)])).rejects.toThrow(message)
    await expect(resolveFiles([join(folder, name)])).rejects.toMatchObject({ code: 'THROUGHLINE_LOG_UNREADABLE' })
  })
})
