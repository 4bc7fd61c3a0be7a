import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { expectComplete, expectReportedOnce, LINES_PER_REQUEST } from './_assertions.ts'
import { auditFiles, type AuditResult } from './_audit-result.ts'
import { addRow, count, DESTINATION_NAMES, share } from './_fault-row.ts'
import { getStats, sendRequests } from './_http-client.ts'
import { namedPipe, readPipe, withWriteEnd } from './_named-pipe.ts'
import { startProgram, tempFile } from './_program.ts'
import { RUNS } from './_run-counts.ts'

const REQUESTS = RUNS.blockedLogRequests

function auditText(text: string): Promise<AuditResult> {
  const log = tempFile('read.ndjson')
  writeFileSync(log, text)
  return auditFiles(log)
}

/** Resolves once this many of the promises have. */
function firstOf(number: number, promises: readonly Promise<unknown>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = number
    for (const promise of promises) promise.then(() => (--left === 0 ? resolve() : undefined), reject)
  })
}

describe('a slow reader', () => {
  test.for(['default', 'pino-sync'] as const)(
    '%s: of a blocking pipe holds requests up, and no line is lost',
    async (to, context) => {
      const pipe = namedPipe().open()
      const server = await withWriteEnd(pipe, (stdout) => startProgram('fault-server', { args: [to], stdout }))
      // Their lines fill the pipe several times over.
      const responses = sendRequests(server, REQUESTS)
      // Lines are shorter than 400 bytes, so those of 30 requests fit in the pipe.
      await firstOf(30, responses)
      const reader = pipe.read()
      await Promise.all(responses)
      expect(await getStats(server)).toMatchObject({ requests: REQUESTS, inFlight: 0, faults: 0 })
      server.child.kill()
      await reader.ended
      expectComplete(await auditText(reader.text()), REQUESTS)
      addRow(context, {
        fault: `a slow reader of a blocking pipe, ${DESTINATION_NAMES[to]}`,
        tried: `${count(REQUESTS)} requests`,
        lost: 'no lines; requests waited for the reader',
      })
    },
  )

  test('of a non-blocking pipe holds no request up, and no line is lost', async (context) => {
    const pipe = namedPipe().open()
    const server = await withWriteEnd(pipe, (stdout) =>
      startProgram('fault-server', { args: ['default', 'console'], stdout }),
    )
    await Promise.all(sendRequests(server, REQUESTS))
    expect(await getStats(server)).toMatchObject({ requests: REQUESTS, inFlight: 0 })
    // Nothing has been read so far. The server retries by itself.
    const reader = pipe.read()
    await reader.lines(1 + REQUESTS * LINES_PER_REQUEST)
    expect(await getStats(server)).toMatchObject({ faults: 0 })
    server.child.kill()
    await reader.ended
    expect(await server.stderr).toBe('')
    expectComplete(await auditText(reader.text()), REQUESTS)
    addRow(context, {
      fault: 'a non-blocking pipe whose reader pauses',
      tried: `${count(REQUESTS)} requests, all answered during the pause`,
      lost: 'no lines',
    })
  })

  test('of a non-blocking pipe gets the backlog at SIGTERM', async (context) => {
    const pipe = namedPipe().open()
    const server = await withWriteEnd(pipe, (stdout) =>
      startProgram('fault-server', { args: ['default', 'console'], stdout }),
    )
    const requests = 200
    await Promise.all(sendRequests(server, requests))
    // The ending process waits about a second for progress. Blocking reads need no turn of this event loop for it.
    const readToEnd = pipe.openBlocking()
    server.child.kill('SIGTERM')
    const text = readToEnd()
    expect(await server.ended).toEqual([null, 'SIGTERM'])
    expectComplete(await auditText(text), requests)
    addRow(context, {
      fault: 'SIGTERM while lines wait for a non-blocking pipe, whose reader then reads',
      tried: `${count(requests)} requests`,
      lost: 'no lines',
    })
  })

  test('that never reads again does not keep the process from ending', async () => {
    const pipe = namedPipe().open()
    const server = await withWriteEnd(pipe, (stdout) =>
      startProgram('fault-server', { args: ['default', 'console'], stdout }),
    )
    await Promise.all(sendRequests(server, 200))
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual([null, 'SIGTERM'])
  })
})

describe('three processes tear no line of each other', () => {
  test.for([
    ['blocking', []],
    ['non-blocking', ['console']],
  ] as const)('in one %s pipe', async ([kind, options], context) => {
    const pipe = namedPipe().open()
    const servers = await withWriteEnd(pipe, (stdout) =>
      Promise.all([1, 2, 3].map(() => startProgram('fault-server', { args: ['default', ...options], stdout }))),
    )
    const responses = servers.flatMap((server) => sendRequests(server, REQUESTS))
    const reader = pipe.read()
    await Promise.all(responses)
    for (const { child } of servers) child.kill()
    await reader.ended
    expectComplete(await auditText(reader.text()), 3 * REQUESTS)
    addRow(context, {
      fault: `three processes that write to one ${kind} pipe`,
      tried: `${count(3 * REQUESTS)} requests`,
      lost: 'no lines, and none torn',
    })
  })

  test('in one file', async (context) => {
    const log = tempFile('shared.ndjson')
    const servers = await Promise.all(
      [1, 2, 3].map(() => startProgram('fault-server', { args: ['default'], stdout: log })),
    )
    await Promise.all(servers.flatMap((server) => sendRequests(server, REQUESTS)))
    for (const { child, ended } of servers) {
      child.kill()
      await ended
    }
    expectComplete(await auditFiles(log), 3 * REQUESTS)
    addRow(context, {
      fault: 'three processes that append to one file',
      tried: `${count(3 * REQUESTS)} requests`,
      lost: 'no lines, and none torn',
    })
  })
})

test('a new reader of a pipe gets the lines that were written while there was none', async (context) => {
  const { name, open } = namedPipe()
  const pipe = open()
  const server = await withWriteEnd(pipe, (stdout) => startProgram('fault-server', { args: ['default'], stdout }))
  const first = pipe.read()
  await Promise.all(sendRequests(server, 50))
  await first.lines(50 * LINES_PER_REQUEST)
  await first.leave()
  await Promise.all(sendRequests(server, 50))
  expect((await getStats(server)).faults).toBeGreaterThan(0)
  const second = readPipe(name)
  await Promise.all(sendRequests(server, 1))
  await second.lines(51 * LINES_PER_REQUEST)
  server.child.kill()
  await second.ended
  expectReportedOnce(await server.stderr, 'EPIPE')
  expectComplete(await auditText(first.text() + second.text()), 101)
  addRow(context, {
    fault: 'a pipe whose reader leaves and is replaced by another',
    tried: `${count(101)} requests`,
    lost: `${share(0, 101 * LINES_PER_REQUEST)} lines`,
  })
})
