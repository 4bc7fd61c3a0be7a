import { execFileSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import type { LocatedEntry } from '../../../src/logs/log-entry.ts'
import { fileSource, type FileSource, type FileSourceOptions } from '../../../src/logs/sources/file-source.ts'
import { auditSource } from '../../../src/queries/audit-source.ts'
import { storyOfSource } from '../../../src/queries/story-source.ts'
import { BEGUN, ndjson, QUEUED, SYNC, TRACE, transition, transitions } from '../../sample-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'throughline-source-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

async function withSource<T>(
  names: readonly string[],
  use: (source: FileSource) => Promise<T>,
  options?: FileSourceOptions,
): Promise<T> {
  const source = await fileSource(names, options)
  try {
    return await use(source)
  } finally {
    source.close()
  }
}

async function entriesOf(source: FileSource): Promise<LocatedEntry[]> {
  const entries: LocatedEntry[] = []
  for await (const batch of source.entries()) entries.push(...batch)
  return entries
}

const OTHER = { request_id: 'b7ad6b7169203332' }
const corrupted = Buffer.concat([gzipSync(ndjson(transitions(SYNC, OTHER))), Buffer.from('no gzip')])

describe('fileSource', () => {
  const plain = file(
    'plain.log',
    `hello\n${ndjson([...transitions(QUEUED), transition({ request_id: 'b7ad6b7169203333', state: 'Queued' })])}`,
  )
  const compressed = file('corrupted.gz', corrupted)

  test('has the resolved names, and is read any number of times', async () => {
    await withSource([join(folder, '*.gz'), plain, plain], async (source) => {
      expect(source.names).toEqual([compressed, plain])
      expect(source.rereadable).toBe(true)
      expect(await entriesOf(source)).toEqual(await entriesOf(source))
    })
  })

  test('gives the same audit by entries and by blocks', async () => {
    await withSource([plain, compressed], async (source) => {
      const options = { now: BEGUN + 1e9 }
      const entriesOnly = { names: source.names, rereadable: true, entries: () => source.entries() }
      const report = await auditSource(source, options)
      expect(report).toEqual(await auditSource(entriesOnly, options))
      expect(report.checked).toMatchObject({ lines: 11, other_lines: 1, damaged_lines: 1, requests: 3 })
      expect(report.invalid).toMatchObject([{ file: plain, line: 6 }])
    })
  })

  test('gives the same story by entries and by a search', async () => {
    await withSource([plain, compressed], async (source) => {
      const entriesOnly = { names: source.names, rereadable: true, entries: () => source.entries() }
      const story = await storyOfSource(TRACE, source)
      expect(story?.requests).toHaveLength(3)
      expect(story).toEqual(await storyOfSource(TRACE, entriesOnly))
    })
  })

  test('reports a corruption once, in any number of readings', async () => {
    const sentences: string[] = []
    const onDamage = (sentence: string): void => void sentences.push(sentence)
    await withSource(
      [compressed],
      async (source) => {
        const damaged = { kind: 'damaged', file: compressed, line: 5 }
        for (let reading = 0; reading < 2; reading += 1) {
          expect((await entriesOf(source)).at(-1)).toEqual(damaged)
          expect((await auditSource(source, { now: 'end' })).checked.damaged_lines).toBe(1)
        }
      },
      { onDamage },
    )
    expect(sentences).toEqual([
      `${compressed} is corrupted (incorrect header check): it was read up to there; fetch it again`,
    ])
  })

  test('reads the files that were there when it was created', async () => {
    const name = file('rotated.log', ndjson(transitions(SYNC)))
    await withSource([name], async (source) => {
      renameSync(name, `${name}.1`)
      writeFileSync(name, 'another log\n')
      expect((await entriesOf(source)).map(({ kind }) => kind)).toEqual(['record', 'record', 'record', 'record'])
    })
  })

  test('is read once if one of its names is a pipe or standard input', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const name of [pipe, '-'])
      expect(await withSource([plain, name], (source) => Promise.resolve(source.rereadable))).toBe(false)
  })

  test('rejects a missing file', async () => {
    await expect(fileSource([join(folder, 'missing.log')])).rejects.toMatchObject({
      code: 'THROUGHLINE_LOG_UNREADABLE',
    })
  })
})
