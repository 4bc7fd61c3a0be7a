import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { root } from '../sources.ts'

/** Runs a program with standard output in a file or a pipe. */
function run(
  program: string,
  argument: string,
  { pipe = false, env = {} }: { readonly pipe?: boolean; readonly env?: NodeJS.ProcessEnv } = {},
): { readonly stdout: string; readonly stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'replaced-stdout-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'out')
  const fd = openSync(file, 'w')
  const path = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', path, argument], {
    cwd: root,
    stdio: ['ignore', pipe ? 'pipe' : fd, 'pipe'],
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  closeSync(fd)
  return { stdout: pipe ? stdout : readFileSync(file, 'utf8'), stderr }
}

/** Lines in short: a state, an event, or the text of a line that is not ours. */
function short(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      if (!line.startsWith('{')) return line
      const { path, event, state } = JSON.parse(line) as Readonly<Record<string, string | undefined>>
      return path ?? (event === 'SHUTDOWN' ? event : (state ?? ''))
    })
}

/** What the program reports on stderr. */
function report(stderr: string): { readonly calls: string[]; readonly faults: number } {
  return JSON.parse(stderr.slice(stderr.indexOf('{'))) as { calls: string[]; faults: number }
}

const MEANWHILE = ['/meanwhile', 'Authenticated', 'Processing', 'Responded']

describe('where process.stdout.write is replaced', () => {
  test('lines go through it as long as it is, each in a call of its own, in order with those of the console', () => {
    const { stdout, stderr } = run('replaced-stdout', '')
    const { calls, faults } = report(stderr)
    expect(short(stdout)).toEqual(['/before', '/after', 'SHUTDOWN', 'SHUTDOWN'])
    expect(calls.map((call) => short(call).join())).toEqual(['hello', ...MEANWHILE])
    expect(calls.every((call) => call.endsWith('\n'))).toBe(true)
    expect(faults).toBe(0)
  })

  test.each(['throws', 'fails', 'full'])('a line that it does not take is counted, and all goes on: %s', (kind) => {
    const { stdout, stderr } = run('replaced-stdout', kind)
    expect(short(stdout).slice(0, 2)).toEqual(['/before', '/after'])
    expect(report(stderr).faults).toBeGreaterThanOrEqual(MEANWHILE.length)
  })

  test('in a process with a pipe it is used only in the cluster mode of pm2', () => {
    const cluster = { pm_id: '0', exec_mode: 'cluster_mode' }
    const inCluster = run('replaced-stdout', '', { pipe: true, env: cluster })
    expect(report(inCluster.stderr).calls).toHaveLength(1 + MEANWHILE.length)
    for (const env of [{}, { ...cluster, exec_mode: 'fork_mode' }]) {
      const other = run('replaced-stdout', '', { pipe: true, env })
      expect(short(other.stdout)).toEqual(expect.arrayContaining(MEANWHILE))
      expect(report(other.stderr).calls).toEqual(['hello\n'])
    }
  })
})

describe('in a thread', () => {
  const LINES = ['hello', '/one', 'Authenticated', 'Processing', 'Responded', '/two', 'SHUTDOWN']

  test('with stdout: true lines go to the stream of its starter, none to the descriptor, and none is lost', () => {
    const { stdout, stderr } = run('thread', 'own')
    expect(short(stderr)).toEqual(LINES)
    expect(stdout).toBe('')
  })

  test('without it they are on the standard output of the process', () => {
    expect(short(run('thread', '').stdout)).toEqual(LINES)
  })
})
