import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { followAudit, untilSignal, type FollowCommandOptions } from '../../src/cli/audit-follow.ts'
import { BEGUN, ndjson, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { folderOf } from './_run-command.ts'

const IDS = `gateway  ${TRACE}  ${REQUEST}`

/** Follows logs. The test acts in each pause between two rounds, and the last pause ends the command. */
async function follow(
  names: readonly string[],
  pauses: readonly (() => void)[],
  more: Partial<FollowCommandOptions> & { clock?: { time: number }; gone?: boolean } = {},
): Promise<{ status: number; out: string[]; err: string }> {
  const { clock = { time: BEGUN + 1_000_000 }, gone, ...options } = more
  const controller = new AbortController()
  const out: string[] = []
  let [err, pause] = ['', 0]
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void (err += text),
    colour: false,
    ...(gone === undefined ? {} : { gone }),
  }
  const wait = (): Promise<void> => {
    const next = pauses[pause++]
    if (next === undefined) controller.abort()
    else next()
    return Promise.resolve()
  }
  const status = await followAudit(names, {
    stuckAfter: ['5s'],
    format: 'table',
    io,
    signal: controller.signal,
    now: () => clock.time,
    wait,
    ...options,
  })
  return { status, out, err }
}

const nothing = (): void => undefined
const file = (): string => folderOf({ 'a.log': '' })('a.log')
const parsed = (out: readonly string[]): unknown[] => out.map((text): unknown => JSON.parse(text))

describe('findings', () => {
  test('are one line for a stuck request, one when it moves on, and one for an invalid line', async () => {
    const log = file()
    const error = { type: 'TypeError', message: 'no\u001b[31m luck' }
    writeFileSync(
      log,
      ndjson([
        ...transitions(['AUTH_OK']),
        { ...transition({ request_id: 'b7ad6b7169203332' }), lifecycle: 'note', event: 'RETRY', error },
      ]),
    )
    const { status, out, err } = await follow(
      [log],
      [
        nothing,
        nothing,
        () => appendFileSync(log, ndjson(transitions(SYNC, {}, 60_000).slice(2))),
        () =>
          appendFileSync(
            log,
            ndjson([
              transition({ seq: 1, event: 'PROCESS', from: 'Received', state: 'Processing', trace_id: 'abc-123' }),
            ]),
          ),
      ],
    )
    expect(out.map((text) => text.replace(/^2026-\d\d-\d\dT[\d:.]+Z {2}/, ''))).toEqual([
      `STUCK     Received for 16m 40s, limit 5s  gateway  ${TRACE}  b7ad6b7169203332  TypeError: no\u00b7[31m luck\n`,
      `STUCK     Authenticated for 16m 39s, limit 5s  ${IDS}\n`,
      `MOVED ON  Authenticated -> Responded after 1m 2s  ${IDS}\n`,
      `INVALID   Received does not accept PROCESS  gateway  abc-123  ${REQUEST}  ${log}:6\n`,
      `STUCK     Processing for 16m 40s, limit 5s  gateway  abc-123  ${REQUEST}\n`,
    ])
    expect(status).toBe(1)
    expect(err).toBe(`throughline: watching ${log}\n`)
  })

  test('are one object per line with ndjson', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const { out } = await follow(
      [log],
      [
        nothing,
        () =>
          appendFileSync(
            log,
            ndjson([
              transition({ seq: 1, event: 'PROCESS', from: 'Received', state: 'Processing', time: BEGUN + 999_000 }),
            ]),
          ),
      ],
      { format: 'ndjson' },
    )
    const ids = { trace_id: TRACE, request_id: REQUEST, service: 'gateway' }
    expect(parsed(out)).toEqual([
      {
        finding: 'stuck',
        ...ids,
        state: 'Received',
        since: BEGUN,
        age_ms: 1_000_000,
        stuck_after_ms: 5_000,
        attempts: 0,
        last_error: null,
        cause: null,
      },
      {
        finding: 'invalid',
        ...ids,
        seq: 1,
        from: 'Received',
        event: 'PROCESS',
        state: 'Processing',
        reason: 'Received does not accept PROCESS',
        file: log,
        line: 2,
      },
      {
        finding: 'moved_on',
        ...ids,
        state: 'Processing',
        since: BEGUN + 999_000,
        was: 'Received',
        stuck_for_ms: 999_000,
      },
    ])
    expect(out.every((text) => text.endsWith('\n') && text.indexOf('\n') === text.length - 1)).toBe(true)
  })

  test('are coloured on a terminal', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const out: string[] = []
    await follow([log], [nothing], { io: { out: (text) => void out.push(text), err: nothing, colour: true } })
    expect(out).toEqual([expect.stringContaining('\u001b[31mSTUCK   \u001b[39m')])
  })

  test('are rejected as one object', async () => {
    await expect(follow([file()], [], { format: 'json' })).rejects.toThrow(
      '--format json prints one object at the end, and --follow has no end: use --format ndjson',
    )
    await expect(follow([file()], [], { format: 'json' })).rejects.toMatchObject({ code: 'THROUGHLINE_USAGE' })
  })

  test('are not the only output: stderr has the names of the logs and warnings', async () => {
    const { err, status } = await follow(['/no/such.log', '/no/such/*.log'], [nothing, nothing])
    expect(err.split('\n')).toEqual([
      'throughline: watching /no/such.log, /no/such/*.log',
      'throughline: waiting for files that match /no/such/*.log: there are none yet',
      'throughline: waiting for /no/such.log: it does not exist yet',
      '',
    ])
    expect(status).toBe(0)
  })
})

describe('the status', () => {
  test('is 0 if every stuck request has moved on', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions(QUEUED)))
    const end = transition({ seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', time: BEGUN + 60_000 })
    const { status, out } = await follow([log], [nothing, () => appendFileSync(log, ndjson([end]))])
    expect([status, out.length]).toEqual([0, 2])
  })
})

describe('ages', () => {
  test('are measured at the current time if no lines arrive', async () => {
    const log = file()
    const clock = { time: BEGUN }
    writeFileSync(log, ndjson(transitions([])))
    const pauses = [() => (clock.time = BEGUN + 5_000), () => (clock.time = BEGUN + 5_001)].map(
      (set) => () => void set(),
    )
    const { out } = await follow([log], pauses, { clock, format: 'ndjson' })
    expect(parsed(out)).toMatchObject([{ age_ms: 5_001 }])
  })

  test('are measured at the latest line while lines arrive, so that a backlog causes no finding', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const { out } = await follow([log], [() => appendFileSync(log, ndjson(transitions(SYNC).slice(1)))])
    expect(out).toEqual([])
  })
})

test('it ends when its output is closed', async () => {
  const log = file()
  writeFileSync(log, ndjson([...transitions([]), ...transitions([], { request_id: 'b7ad6b7169203332' })]))
  const { out, status } = await follow(
    [log],
    Array.from({ length: 100 }, () => nothing),
    { gone: true },
  )
  expect([out.length, status]).toEqual([1, 1])
})

test('it does not start if the signal is already aborted', async () => {
  const { out, status } = await follow([file()], [], { signal: AbortSignal.abort() })
  expect([out, status]).toEqual([[], 0])
})

test('a signal ends the command, and a second one has its default effect', async () => {
  const before = process.listenerCount('SIGTERM')
  await untilSignal((signal) => {
    expect([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT') > 0]).toEqual([before + 1, true])
    process.emit('SIGTERM')
    expect([signal.aborted, process.listenerCount('SIGTERM')]).toEqual([true, before])
    return Promise.resolve()
  })
})

test('the signal handlers are removed when the command fails', async () => {
  const before = process.listenerCount('SIGTERM')
  await expect(untilSignal(() => Promise.reject(new Error('no logs')))).rejects.toThrow('no logs')
  expect(process.listenerCount('SIGTERM')).toBe(before)
})

describe('as a process', () => {
  const ROOT = fileURLToPath(new URL('../..', import.meta.url))

  function start(...args: readonly string[]): {
    child: ChildProcess
    next: () => Promise<unknown>
    ended: Promise<number | null>
  } {
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/cli/_follow-process.ts', ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    return { child, ended, next: async () => JSON.parse(String((await lines.next()).value)) as unknown }
  }

  test('it follows a log through rotation until a signal', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions(['AUTH_OK'])))
    const { child, next, ended } = start(log)
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Authenticated' })
    appendFileSync(log, ndjson(transitions(SYNC).slice(2, 3)))
    renameSync(log, `${log}.1`)
    expect(await next()).toMatchObject({ finding: 'moved_on', state: 'Processing' })
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Processing' })
    writeFileSync(log, ndjson(transitions(SYNC).slice(3)))
    expect(await next()).toMatchObject({ finding: 'moved_on', state: 'Responded' })
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  test('it follows piped lines to their end', async () => {
    const { child, next, ended } = start('-')
    child.stdin?.write(ndjson(transitions(['AUTH_OK'])))
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Authenticated' })
    child.stdin?.end(ndjson(transitions(SYNC).slice(2, 3)))
    expect(await next()).toMatchObject({ finding: 'moved_on', state: 'Processing' })
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Processing' })
    expect(await ended).toBe(1)
  })

  test('a signal ends it while its input is still open', async () => {
    const { child, next, ended } = start('-')
    child.stdin?.write(ndjson(transitions([])))
    expect(await next()).toMatchObject({ finding: 'stuck' })
    child.kill('SIGINT')
    expect(await ended).toBe(1)
  })
})
