import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { generateLogs } from '../../bench/logs/generate-logs.ts'
import { root } from '../sources.ts'
import { logsInMemory } from './_logs-in-memory.ts'

let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'throughline-generated-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const OPTIONS = { requests: 1_500, damage: 0.05, repeats: 0.05, others: 0.2 }

function baseNames(paths: readonly string[]): string[] {
  return paths.map((path) => basename(path))
}

describe('generated files', () => {
  test.each([
    [1, ['all.log']],
    [2, ['auth-worker.log', 'gateway-catalog.log']],
    [4, ['auth.log', 'catalog.log', 'gateway.log', 'worker.log']],
    [6, ['auth-1.log', 'auth-2.log', 'catalog.log', 'gateway-1.log', 'gateway-2.log', 'worker.log']],
  ])('are %i, each named after its services', async (files, expected) => {
    const generated = await generateLogs(folder, { ...OPTIONS, files })
    expect(baseNames(generated.files)).toEqual(expected)
    expect(readdirSync(folder).sort()).toEqual(expected)
  })

  test('contain the generated lines in order', async () => {
    const { files, expected } = await generateLogs(folder, { ...OPTIONS, files: 8 })
    const inMemory = logsInMemory({ ...OPTIONS, files: 8 })
    expect(expected).toEqual(inMemory.expected)
    expect(Object.fromEntries(files.map((file) => [basename(file), readFileSync(file, 'latin1')]))).toEqual(
      inMemory.files,
    )
  })

  test.each([false, true])('are rotated by size, with gzip: %s', async (gzip) => {
    const { files } = await generateLogs(folder, { ...OPTIONS, rotation: 300_000, gzip })
    const older = baseNames(files).slice(0, -1)
    expect(older.length).toBeGreaterThan(2)
    expect(baseNames(files)).toEqual([
      ...older.map((_, index) => `all.log.${String(older.length - index)}${gzip ? '.gz' : ''}`),
      'all.log',
    ])
    expect(readdirSync(folder).sort()).toEqual(baseNames(files).sort())
    const parts = files.map((file) =>
      (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file)).toString('latin1'),
    )
    expect(parts.join('')).toBe(logsInMemory(OPTIONS).files['all.log'])
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(300_000)
    for (const part of parts.slice(0, -1)) expect(part.length).toBeGreaterThan(295_000)
  })
})

test('the command writes the files and prints the expected results', async () => {
  const args = [
    '--bytes',
    '200kB',
    '--files',
    '8',
    '--seed',
    '7',
    '--skew',
    'worker=-3000',
    '--skew',
    'auth=20',
    '--id-kind',
    'text',
    '--out',
    folder,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'bench/logs/main.ts', ...args], {
    cwd: root,
  })
  const printed = JSON.parse(stdout) as { readonly files: string[]; readonly expected: object }
  expect(printed.expected).toEqual(
    logsInMemory({ bytes: 2e5, files: 8, seed: 7, skew: { worker: -3_000, auth: 20 }, idKind: 'text' }).expected,
  )
  expect(printed.files.map((file) => statSync(file).size).reduce((sum, size) => sum + size)).toBeGreaterThan(190_000)
})
