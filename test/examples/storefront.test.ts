import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { storyOfFiles, storyText } from '../../src/queries/story.ts'

const DEMO = fileURLToPath(new URL('../../examples/storefront/demo.ts', import.meta.url))

type Line = Readonly<Record<string, unknown>>

let logs: string
const children: ChildProcess[] = []

beforeEach(() => {
  logs = mkdtempSync(join(tmpdir(), 'storefront-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(logs, { recursive: true, force: true })
})

describe('the storefront', () => {
  it('carries one id through every service, and its audit reports what the killed worker left', async () => {
    const { ended } = demo()
    const { status, stdout, stderr } = await ended
    // Nothing but its progress, which is written while it works.
    expect(stderr.split('\n').filter((line) => !/^ *\d+ ms  \w/.test(line))).toEqual([''])
    expect(status).toBe(0)
    expect(stdout).toContain('Its status is 0.')

    for (const service of ['gateway', 'auth', 'catalog', 'worker']) {
      expect(
        lines(service).filter((line) => line.trace_id === 'abc-123'),
        service,
      ).not.toEqual([])
    }
    const sql = lines('database').map((line) => String(line.sql))
    expect(sql.filter((text) => text.startsWith('SELECT sku') && text.includes(`trace_id='abc-123'`))).toHaveLength(1)

    const received = transitions('gateway').find((line) => line.trace_id === 'abc-123' && line.seq === 0)
    const own = (service: string) => transitions(service).filter((line) => line.request_id === received?.request_id)
    expect(own('gateway').map((line) => line.state)).toEqual(['Received', 'Authenticated', 'Processing', 'Queued'])
    expect(own('worker')).toMatchObject([{ seq: 4, from: 'Queued', state: 'Completed', attempt: 1, outcome: 'ok' }])
    expect(transitions('catalog').find((line) => line.trace_id === 'abc-123')).toMatchObject({
      seq: 0,
      parent_id: expect.stringMatching(
        new RegExp(`^${String(received?.request_id).slice(0, 13)}00[1-9a-f]$`),
      ) as string,
    })

    const queued = transitions('gateway').filter((line) => line.state === 'Queued')
    const completed = transitions('worker').filter((line) => line.state === 'Completed')
    expect(completed.map((line) => line.request_id).sort()).toEqual(queued.map((line) => line.request_id).sort())
    expect(completed.filter((line) => line.attempt === 2)).toHaveLength(1)
    await allGone()

    const whole = await storyWithout()
    expect(whole).not.toContain('no line in these logs')
    // Its calls and its messages are counted on the lines of the gateway and the worker.
    expect(whole).toMatch(/call 1 of \d: auth /)
    for (const service of ['auth', 'catalog']) {
      const called = transitions(service).filter((line) => line.trace_id === 'abc-123' && line.seq === 0)
      const numbers = called.map((line) => Number.parseInt(String(line.parent_id).slice(13), 16))
      const story = await storyWithout(service)
      const named = [...story.matchAll(/call (\d+) of \d+: no line in these logs/g)].map(([, call]) => Number(call))
      expect(named.sort(), service).toEqual(numbers.sort())
      expect(named, service).not.toEqual([])
    }
  })

  it.each(['SIGINT', 'SIGKILL'] as const)('leaves no process behind after %s half-way', async (signal) => {
    const { child, ended } = demo()
    await until(() => existsSync(join(logs, 'worker.ndjson')) && lines('worker').length > 0)
    child.kill(signal)
    expect(await ended).toMatchObject({ status: null, signal })
    await allGone()
  })
})

/** The story of the demo's order, from the logs of all services but one. */
async function storyWithout(service?: string): Promise<string> {
  const names = readdirSync(logs).filter((file) => file.endsWith('.ndjson') && file !== `${String(service)}.ndjson`)
  const report = await storyOfFiles(
    'abc-123',
    names.map((name) => join(logs, name)),
  )
  return report === undefined ? '' : storyText(report, 200)
}

/** The demo as a child, from another working directory; it ends when nobody holds its output any more. */
function demo() {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), DEMO], {
    cwd: logs,
    // Without a database of the developer's: the statements are to be in our own log.
    env: { ...process.env, DATABASE_URL: undefined, STOREFRONT_LOGS: logs },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  const ended = once(child, 'close').then(() => ({ ...output, status: child.exitCode, signal: child.signalCode }))
  return { child, ended }
}

function lines(service: string): Line[] {
  const text = readFileSync(join(logs, `${service}.ndjson`), 'utf8')
  // The last may be half written while the demo runs; what is read here are our own log lines.
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

function transitions(service: string): Line[] {
  return lines(service).filter((line) => line.lifecycle === 'transition')
}

/** Waits until every process that wrote a log has gone; pino puts its pid on every line. */
async function allGone(): Promise<void> {
  const services = readdirSync(logs)
    .filter((file) => file.endsWith('.ndjson'))
    .map((file) => file.replace('.ndjson', ''))
  const pids = new Set(services.flatMap((service) => lines(service).map((line) => Number(line.pid))))
  expect(pids.size).toBeGreaterThanOrEqual(services.length)
  await until(() => [...pids].every((pid) => !runs(pid)))
}

function runs(pid: number): boolean {
  const stat = `/proc/${pid}/stat`
  try {
    process.kill(pid, 0)
    // An orphan that has ended keeps its pid until process 1 gets round to it.
    return !(existsSync(stat) && readFileSync(stat, 'utf8').includes(') Z '))
  } catch {
    return false
  }
}

/** Polls until a condition holds. The runner's timeout is the only limit: a slow machine needs longer. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(50)
}
