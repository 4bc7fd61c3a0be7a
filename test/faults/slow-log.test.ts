import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BUDGET } from './_budget.ts'
import { judged, type Judged } from './_audit-result.ts'
import { givenTo, namedPipe, readPipe, type Reader } from './_pipe.ts'
import { fileNamed, start } from './_program.ts'
import { expectAll, expectToldOnce, LINES, send, told } from './_http-client.ts'
import { count, NAMES, share, tell } from './_server-stats.ts'

const OWN = ['default', 'own-sync'] as const

/** Audits what a pipe gave. */
function audited(reader: Reader): Promise<Judged> {
  const log = fileNamed('read.ndjson')
  writeFileSync(log, reader.text())
  return judged(log)
}

/** Resolves once so many of them have. */
function first(some: number, all: readonly Promise<unknown>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = some
    for (const one of all) one.then(() => (--left === 0 ? resolve() : undefined), reject)
  })
}

describe('a log that is read slowly', () => {
  test.for(OWN)(
    '%s: by a pipe that blocks, everything waits for the reader, and no line is lost',
    async (to, context) => {
      const pipe = namedPipe().open()
      const server = await givenTo(pipe, (stdout) => start('mortal-server', { args: [to], stdout }))
      // These fill the pipe several times over.
      const answers = send(server, BUDGET.stalled)
      // The lines of these fit, at less than 400 bytes each.
      await first(30, answers)
      const reader = pipe.read()
      await Promise.all(answers)
      expect(await told(server)).toMatchObject({ requests: BUDGET.stalled, inFlight: 0, faults: 0 })
      server.child.kill()
      await reader.ended
      expectAll(await audited(reader), BUDGET.stalled)
      tell(context, {
        fault: `a slow reader of a pipe that blocks, ${NAMES[to]}`,
        tried: `${count(BUDGET.stalled)} requests`,
        lost: 'no line; requests waited for the reader',
      })
    },
  )

  test('by a pipe that does not block, requests are served meanwhile, and no line is lost', async (context) => {
    const pipe = namedPipe().open()
    const server = await givenTo(pipe, (stdout) => start('mortal-server', { args: ['default', 'console'], stdout }))
    await Promise.all(send(server, BUDGET.stalled))
    expect(await told(server)).toMatchObject({ requests: BUDGET.stalled, inFlight: 0 })
    // Nobody has read a byte until now. What was kept comes by itself.
    const reader = pipe.read()
    await reader.lines(1 + BUDGET.stalled * LINES)
    expect(await told(server)).toMatchObject({ faults: 0 })
    server.child.kill()
    await reader.ended
    expect(await server.stderr).toBe('')
    expectAll(await audited(reader), BUDGET.stalled)
    tell(context, {
      fault: 'a reader of a non-blocking pipe that reads nothing for a while',
      tried: `${count(BUDGET.stalled)} requests, all answered meanwhile`,
      lost: 'no line',
    })
  })

  test('by a pipe that does not block, what is kept at SIGTERM still goes out', async (context) => {
    const pipe = namedPipe().open()
    const server = await givenTo(pipe, (stdout) => start('mortal-server', { args: ['default', 'console'], stdout }))
    // The end of the process waits for a reader, but not for long.
    const requests = 200
    await Promise.all(send(server, requests))
    const reader = pipe.read()
    server.child.kill('SIGTERM')
    await reader.ended
    expect(await server.ended).toEqual([null, 'SIGTERM'])
    expectAll(await audited(reader), requests)
    tell(context, {
      fault: 'SIGTERM with lines kept for a non-blocking pipe, whose reader then reads',
      tried: `${count(requests)} requests`,
      lost: 'no line',
    })
  })

  test('that never is read again does not keep the process from ending', async () => {
    const pipe = namedPipe().open()
    const server = await givenTo(pipe, (stdout) => start('mortal-server', { args: ['default', 'console'], stdout }))
    await Promise.all(send(server, 200))
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual([null, 'SIGTERM'])
  })
})

test.for([
  ['that blocks', []],
  ['that does not block', ['console']],
] as const)('three processes on one pipe %s tear no line of each other', async ([kind, how], context) => {
  const pipe = namedPipe().open()
  const servers = await givenTo(pipe, (stdout) =>
    Promise.all([1, 2, 3].map(() => start('mortal-server', { args: ['default', ...how], stdout }))),
  )
  const answers = servers.flatMap((server) => send(server, BUDGET.stalled))
  const reader = pipe.read()
  await Promise.all(answers)
  for (const { child } of servers) child.kill()
  await reader.ended
  expectAll(await audited(reader), 3 * BUDGET.stalled)
  tell(context, {
    fault: `three processes that write to one pipe ${kind}`,
    tried: `${count(3 * BUDGET.stalled)} requests`,
    lost: 'no line, and none torn',
  })
})

test('nor do they tear any in one file', async (context) => {
  const log = fileNamed('shared.ndjson')
  const servers = await Promise.all([1, 2, 3].map(() => start('mortal-server', { args: ['default'], stdout: log })))
  await Promise.all(servers.flatMap((server) => send(server, BUDGET.stalled)))
  for (const { child, ended } of servers) {
    child.kill()
    await ended
  }
  expectAll(await judged(log), 3 * BUDGET.stalled)
  tell(context, {
    fault: 'three processes that append to one file',
    tried: `${count(3 * BUDGET.stalled)} requests`,
    lost: 'no line, and none torn',
  })
})

describe('a log whose reader goes', () => {
  test('and comes back: what was told in between is not lost', async (context) => {
    const { name, open } = namedPipe()
    const pipe = open()
    const server = await givenTo(pipe, (stdout) => start('mortal-server', { args: ['default'], stdout }))
    const before = pipe.read()
    await Promise.all(send(server, 50))
    await before.lines(50 * LINES)
    await before.leave()
    await Promise.all(send(server, 50))
    expect((await told(server)).faults).toBeGreaterThan(0)
    const after = readPipe(name)
    await Promise.all(send(server, 1))
    await after.lines(51 * LINES)
    server.child.kill()
    await after.ended
    expectToldOnce(await server.stderr, 'EPIPE')
    const log = fileNamed('both.ndjson')
    writeFileSync(log, before.text() + after.text())
    expectAll(await judged(log), 101)
    tell(context, {
      fault: 'a reader that leaves its pipe and is followed by another',
      tried: `${count(101)} requests`,
      lost: `${share(0, 101 * LINES)} lines`,
    })
  })
})
