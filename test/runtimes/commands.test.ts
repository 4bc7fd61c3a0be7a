import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BEGUN, ndjson, QUEUED, SYNC, TRACE, transitions } from '../sample-log.ts'
import { RUNTIMES } from './_runtimes.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NODE = [process.execPath] as const

/** Runs the command, and resolves with its exit status and its output. */
async function run([file, ...args]: readonly [string, ...string[]], given: readonly string[]) {
  const env = { ...process.env, NO_COLOR: '1' }
  const child = spawn(file, [...args, 'dist/src/cli/main.js', ...given], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const status = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await status, out, err }
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-runtimes-'))
  const lines = ndjson([...transitions(QUEUED), ...transitions(SYNC, { request_id: 'c7ad6b7169203331' })])
  writeFileSync(join(folder, 'small.ndjson'), lines)
  writeFileSync(join(folder, 'small.ndjson.gz'), gzipSync(lines))
  // More than is read without threads, most of it lines of an application.
  const others = '{"level":30,"msg":"a line of an application"}\n'.repeat(800_000)
  writeFileSync(join(folder, 'large.ndjson'), lines + others)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const NOW = ['--now', String(BEGUN + 1e9)]

describe.each(RUNTIMES)('the command on $name', ({ command, missing }) => {
  test.skipIf(missing).each<[what: string, args: readonly string[], log?: string]>([
    ['an audit', ['audit', ...NOW], 'small.ndjson'],
    ['an audit of a compressed log', ['audit', ...NOW, '--format', 'json'], 'small.ndjson.gz'],
    ['an audit of a log that Node reads in threads', ['audit', ...NOW], 'large.ndjson'],
    ['a story', ['story', TRACE], 'small.ndjson'],
    ['a diagram', ['diagram']],
    [
      'a picture of a machine in TypeScript',
      ['diagram', '--format', 'svg', '--machine', 'machines/request-with-retries.ts'],
    ],
  ])('%s is as on Node', async (_, args, log) => {
    const given = log === undefined ? args : [...args, join(folder, log)]
    const [own, nodes] = await Promise.all([run(command, given), run(NODE, given)])
    expect(nodes).toMatchObject({ err: '', out: expect.stringMatching(/\S/) as unknown })
    expect(own).toEqual(nodes)
  })
})
