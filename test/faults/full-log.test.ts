import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ask } from '../adapters/http-client.ts'
import { expectComplete, expectReportedOnce, LINES_PER_REQUEST } from './_assertions.ts'
import { auditFiles, type AuditResult } from './_audit-result.ts'
import { addRow, count, DESTINATION_NAMES, share } from './_fault-row.ts'
import { getStats, sendRequests } from './_http-client.ts'
import { namedPipe, withWriteEnd } from './_named-pipe.ts'
import { startProgram, tempFile, type Program } from './_program.ts'
import { LONG, RUNS } from './_run-counts.ts'
import type { Destination } from './programs/_destinations.ts'

const KIB = 1_024
const MIB = 1_024 * KIB
const FILE_LIMIT = 64 * KIB

interface FullLogResult {
  readonly audit: AuditResult
  readonly requests: number
  /** How many times the file was full. */
  readonly timesFull: number
  readonly stderr: string
}

/**
 * Runs a server whose log file reaches its size limit, and empties the file each time until all lines are written.
 *
 * The limit on file sizes stands for a full disk: a write that reaches it is cut short, and the next one fails.
 */
async function fillLog(
  to: Destination,
  serve: (server: Program, requests: number) => Promise<unknown>,
): Promise<FullLogResult> {
  const log = tempFile('full.ndjson')
  const shell = `ulimit -S -f ${String(FILE_LIMIT / KIB)}`
  const server = await startProgram('fault-server', { args: [to], stdout: log, shell })
  let requests = RUNS.blockedLogRequests
  await serve(server, requests)
  expect(statSync(log).size).toBe(FILE_LIMIT)
  const { inFlight, faults } = await getStats(server)
  expect(inFlight).toBe(0)
  expect(faults).toBeGreaterThan(0)
  // Nothing can be appended to a full file, so there is no race between the copy and the truncation.
  const parts: Buffer[] = []
  while (statSync(log).size === FILE_LIMIT) {
    parts.push(readFileSync(log))
    truncateSync(log)
    await serve(server, 2)
    requests += 2
    await getStats(server, 'close')
  }
  server.child.kill()
  await server.ended
  const joined = tempFile('joined.ndjson')
  writeFileSync(joined, Buffer.concat([...parts, readFileSync(log)]))
  return { audit: await auditFiles(joined), requests, timesFull: parts.length, stderr: await server.stderr }
}

describe('a log file at its size limit', () => {
  test.for(['default', 'pino-sync'] as const)('%s: gets every line once there is space', async (to, context) => {
    const { audit, requests, timesFull, stderr } = await fillLog(to, (server, number) =>
      Promise.all(sendRequests(server, number)),
    )
    expectComplete(audit, requests)
    expectReportedOnce(stderr, 'EFBIG')
    addRow(context, {
      fault: `a file at its size limit that is then emptied, ${DESTINATION_NAMES[to]}`,
      tried: `${count(requests)} requests, ${count(timesFull)} times full`,
      lost: `${share(0, requests * LINES_PER_REQUEST)} lines`,
    })
  })

  test('gets no torn lines from two trackers of one process', async () => {
    // Twice, since the limit may fall on the end of a line by chance.
    for (let n = 0; n < 2; n += 1) {
      const { audit, requests } = await fillLog('default', async ({ url }, number) => {
        for (let left = number; left > 0; left -= 2) for (const path of ['ok', 'job/ok']) await ask(`${url}/${path}`)
      })
      expectComplete(audit, requests)
    }
  })
})

test('the backlog for a log that accepts nothing is bounded, and is written in order afterwards', async (context) => {
  const pipe = namedPipe().open()
  const server = await withWriteEnd(pipe, (stdout) =>
    startProgram('fault-server', { args: ['default', 'console'], stdout, node: ['--expose-gc'] }),
  )
  const before = await getStats(server, 'collect')
  const burst = 25_000
  await getStats(server, `burst ${String(burst)}`)
  const after = await getStats(server, 'collect')
  expect(after.requests).toBe(burst)
  expect(after.faults).toBeGreaterThan(0)
  // A retry needs twice the size of the backlog.
  expect(after.rss - before.rss).toBeLessThan(150 * MIB)
  const reader = pipe.read()
  await reader.lines(1 + ((LONG ? 14 : 3) * MIB) / 300)
  server.child.kill('SIGKILL')
  await reader.ended
  const log = tempFile('backlog.ndjson')
  writeFileSync(log, reader.text())
  const { report, records } = await auditFiles(log)
  expect(report.invalid).toEqual([])
  expect(report.checked.damaged_lines).toBeLessThanOrEqual(1)
  // Only the last request may be incomplete: no line before the first missing one is lost.
  const ids = [...new Set(records.map(({ request_id }) => request_id))]
  expect(ids).not.toEqual([])
  const open = new Set(report.stuck.map(({ request_id }) => request_id))
  expect(ids.filter((id) => open.has(id))).toEqual(ids.slice(ids.length - open.size))
  expect(open.size).toBeLessThanOrEqual(1)
  expectReportedOnce(await server.stderr, 'lines are dropped')
  addRow(context, {
    fault: 'a log that accepts nothing while more than 16 MiB of lines are written',
    tried: `${count(burst)} requests in one turn`,
    lost: 'the lines beyond 16 MiB; none before them',
  })
})
