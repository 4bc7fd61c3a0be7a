import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BEGUN, ndjson, QUEUED, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { folderOf } from './_run-command.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NOW = String(BEGUN + 1e9)

interface ProcessResult {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command as a process with this standard input. */
async function runProcess(
  args: readonly string[],
  input: NodeJS.ReadableStream | string,
  closeAfter = Infinity,
): Promise<ProcessResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
  })
  // A command that does not read its whole input closes the pipe.
  child.stdin.on('error', () => undefined)
  if (typeof input === 'string') child.stdin.end(input)
  else input.pipe(child.stdin)
  if (closeAfter < Infinity) child.stdout.once('data', () => child.stdout.destroy())
  const status = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err] = await Promise.all([closeAfter < Infinity ? '' : text(child.stdout), text(child.stderr)])
  return { status: await status, out, err }
}

describe('the command as a process', () => {
  test('reads standard input, named or not, and exits with the status of the result', async () => {
    const log = ndjson(transitions(QUEUED))
    const [named, unnamed, ended] = await Promise.all([
      runProcess(['audit', '-', '--now', NOW], log),
      runProcess(['audit', '--now', NOW], log),
      runProcess(['audit', '-', '--now', NOW], ndjson(transitions(SYNC))),
    ])
    expect(named).toMatchObject({
      status: 1,
      err: '',
      out: expect.stringMatching(/^1 request stuck, 0 invalid lines\n/) as string,
    })
    expect(unnamed).toEqual(named)
    expect(ended).toMatchObject({ status: 0, err: '' })
  })

  test('counts the transitions of piped lines in a diagram', async () => {
    const { status, out, err } = await runProcess(['diagram', '--logs', '-'], ndjson(transitions(SYNC)))
    expect([status, err]).toEqual([0, ''])
    expect(out).toContain('Processing --> Responded: sync path (1)')
  })

  test('decompresses piped gzip', async () => {
    const { status, out } = await runProcess(
      ['story', TRACE, '-'],
      Readable.from([gzipSync(ndjson(transitions(SYNC)))]),
    )
    expect(status).toBe(0)
    expect(out).toContain(`trace ${TRACE}`)
  })

  test('reads named pipes', async () => {
    const file = folderOf({ 'a.log': ndjson(transitions(SYNC, { request_id: 'b7ad6b7169203332' })) })
    execFileSync('mkfifo', [file('plain'), file('compressed')])
    const log = ndjson(transitions(QUEUED))
    const written = Promise.all([writeFile(file('plain'), log), writeFile(file('compressed'), gzipSync(log))])
    const { status, out, err } = await runProcess(
      ['audit', file('plain'), file('compressed'), file('a.log'), '--now', NOW],
      '',
    )
    expect([status, err]).toEqual([1, ''])
    expect(out).toContain('2 requests in 1 trace, 8 transitions in 12 lines')
    await written
  })

  test('reads a file as standard input', async () => {
    const file = folderOf({ 'a.log': ndjson(transitions(SYNC)) })
    const { status, out } = await runProcess(['story', TRACE, '-'], createReadStream(file('a.log')))
    expect(status).toBe(0)
    expect(out).toContain(`trace ${TRACE}`)
  })

  test('prints its version, and bad usage only on stderr with status 2', async () => {
    const [version, bad] = await Promise.all([runProcess(['--version'], ''), runProcess(['audit', '/no/such.log'], '')])
    expect(version).toMatchObject({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string, err: '' })
    expect(bad).toEqual({
      status: 2,
      out: '',
      err: 'throughline: cannot read /no/such.log: there is no such file: check its name\n',
    })
  })

  test('does not fail if its output is closed early', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => transition({ request_id: `b7ad6b71692${10_000 + index}` }))
    const { status, err } = await runProcess(['audit', '-', '--now', NOW, '--format', 'json'], ndjson(many), 1)
    expect([status, err]).toEqual([1, ''])
  })

  test('--follow ends once its output is closed', async () => {
    const file = folderOf({ 'a.log': ndjson([transition()]) })
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'audit', file('a.log'), '--follow'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await new Promise<void>((resolve) => {
      child.stdout.once('close', resolve)
      child.stdout.once('data', () => child.stdout.destroy())
    })
    appendFileSync(file('a.log'), ndjson([transition({ request_id: 'b7ad6b7169203332' })]))
    expect(await ended).toBe(1)
  })
})
