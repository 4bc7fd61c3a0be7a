import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { endSignal, followAudit, type FollowOptions } from '../../src/cli/audit-follow.ts'
import { compile } from '../../src/machine/compile.ts'
import { BEGUN, ndjson, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { folderOf } from './_called.ts'

const table = compile(requestMachine)
const IDS = `gateway  ${TRACE}  ${REQUEST}`

/** A log that is followed; the test does something in each pause between two rounds, and the last one ends it. */
async function followed(
  names: readonly string[],
  pauses: readonly (() => void)[],
  more: Partial<FollowOptions> & { clock?: { time: number }; gone?: boolean } = {},
): Promise<{ status: number; out: string[]; err: string }> {
  const { clock = { time: BEGUN + 1_000_000 }, gone, ...question } = more
  const ending = new AbortController()
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
    if (next === undefined) ending.abort()
    else next()
    return Promise.resolve()
  }
  const status = await followAudit(names, {
    table,
    limitOf: () => 5_000,
    format: 'table',
    io,
    signal: ending.signal,
    now: () => clock.time,
    wait,
    ...question,
  })
  return { status, out, err }
}

const nothing = (): void => undefined
const file = (): string => folderOf({ 'a.log': '' })('a.log')
const parsed = (out: readonly string[]): unknown[] => out.map((text): unknown => JSON.parse(text))

describe('what is told', () => {
  test('is one line when a request is stuck, one when it has moved on, and one for an invalid line', async () => {
    const log = file()
    const error = { type: 'TypeError', message: 'no\u001b[31m luck' }
    writeFileSync(
      log,
      ndjson([
        ...transitions(['AUTH_OK']),
        { ...transition({ request_id: 'b7ad6b7169203332' }), lifecycle: 'note', event: 'RETRY', error },
      ]),
    )
    const { status, out, err } = await followed(
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

  test('is one object for each with ndjson', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const { out } = await followed(
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

  test('is coloured on a terminal', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const out: string[] = []
    await followed([log], [nothing], { io: { out: (text) => void out.push(text), err: nothing, colour: true } })
    expect(out).toEqual([expect.stringContaining('\u001b[31mSTUCK   \u001b[39m')])
  })

  test('is refused as one object', async () => {
    await expect(followed([file()], [], { format: 'json' })).rejects.toThrow(
      '--format json is one object at the end, and --follow has none: say --format ndjson',
    )
    await expect(followed([file()], [], { format: 'json' })).rejects.toMatchObject({ code: 'THROUGHLINE_USAGE' })
  })

  test('on stderr is what is watched, and what cannot be read', async () => {
    const { err, status } = await followed(['/no/such.log', '/no/such/*.log'], [nothing, nothing])
    expect(err.split('\n')).toEqual([
      'throughline: watching /no/such.log, /no/such/*.log',
      'throughline: waits for files that match /no/such/*.log: there is none yet',
      'throughline: waits for /no/such.log: there is no such file yet',
      '',
    ])
    expect(status).toBe(0)
  })
})

describe('the status', () => {
  test('is 0 where what was stuck has moved on', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions(QUEUED)))
    const end = transition({ seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', time: BEGUN + 60_000 })
    const { status, out } = await followed([log], [nothing, () => appendFileSync(log, ndjson([end]))])
    expect([status, out.length]).toEqual([0, 2])
  })
})

describe('ages', () => {
  test('count to the clock where nothing comes', async () => {
    const log = file()
    const clock = { time: BEGUN }
    writeFileSync(log, ndjson(transitions([])))
    const pauses = [() => (clock.time = BEGUN + 5_000), () => (clock.time = BEGUN + 5_001)].map(
      (set) => () => void set(),
    )
    const { out } = await followed([log], pauses, { clock, format: 'ndjson' })
    expect(parsed(out)).toMatchObject([{ age_ms: 5_001 }])
  })

  test('count to the last line while lines come: a backlog accuses nobody of what its next lines tell', async () => {
    const log = file()
    writeFileSync(log, ndjson(transitions([])))
    const { out } = await followed([log], [() => appendFileSync(log, ndjson(transitions(SYNC).slice(1)))])
    expect(out).toEqual([])
  })
})

test('it ends when nobody reads on', async () => {
  const log = file()
  writeFileSync(log, ndjson([...transitions([]), ...transitions([], { request_id: 'b7ad6b7169203332' })]))
  const { out, status } = await followed(
    [log],
    Array.from({ length: 100 }, () => nothing),
    { gone: true },
  )
  expect([out.length, status]).toEqual([1, 1])
})

test('it does not begin when it has been told to end', async () => {
  const { out, status } = await followed([file()], [], { signal: AbortSignal.abort() })
  expect([out, status]).toEqual([[], 0])
})

test('the signal is given once, and the second ends the process as if nobody had listened', () => {
  const before = process.listenerCount('SIGTERM')
  const { signal, release } = endSignal()
  expect([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT') > 0]).toEqual([before + 1, true])
  process.emit('SIGTERM')
  expect([signal.aborted, process.listenerCount('SIGTERM')]).toEqual([true, before])
  release()
})

describe('as a process', () => {
  const ROOT = fileURLToPath(new URL('../..', import.meta.url))

  function start(...args: readonly string[]): {
    child: ChildProcess
    next: () => Promise<unknown>
    ended: Promise<number | null>
  } {
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/cli/_following.ts', ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    return { child, ended, next: async () => JSON.parse(String((await lines.next()).value)) as unknown }
  }

  test('it follows a log through rotation, until a signal ends it', async () => {
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

  test('it follows what is piped into it, to its end', async () => {
    const { child, next, ended } = start('-')
    child.stdin?.write(ndjson(transitions(['AUTH_OK'])))
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Authenticated' })
    child.stdin?.end(ndjson(transitions(SYNC).slice(2, 3)))
    expect(await next()).toMatchObject({ finding: 'moved_on', state: 'Processing' })
    expect(await next()).toMatchObject({ finding: 'stuck', state: 'Processing' })
    expect(await ended).toBe(1)
  })

  test('a signal ends it while its input stays open', async () => {
    const { child, next, ended } = start('-')
    child.stdin?.write(ndjson(transitions([])))
    expect(await next()).toMatchObject({ finding: 'stuck' })
    child.kill('SIGINT')
    expect(await ended).toBe(1)
  })
})
