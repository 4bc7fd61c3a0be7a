import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isTraceId } from '../../src/trace/trace-id.ts'
import { BUDGET } from './_budget.ts'
import { bytesOf, CANARY, hostile, plainId, type Hostile } from './_hostile.ts'
import { judged } from './_audit-result.ts'
import { fileNamed, start, type Program } from './_program.ts'
import { told } from './_http-client.ts'
import { conversation } from './_socket.ts'
import { count, tell } from './_server-stats.ts'

/** What a handler of ours answered, of all that came back: Node's own refusals have no trace id. */
function answersIn(text: string): string[] {
  return text.split(/(?=HTTP\/1\.1 \d{3} )/).filter((answer) => answer.startsWith('HTTP/1.1 200 '))
}

/** Sends it, and holds every answer to what is promised; gives how many there were. */
async function expectServed(
  server: Program,
  sent: Hostile,
  before: number,
): Promise<{ answers: number; requests: number }> {
  const answers = answersIn(await conversation(server.url, bytesOf(sent)))
  const { requests } = await told(server)
  for (const answer of answers) {
    const echoed = [...answer.matchAll(/^x-trace-id: (.*)\r$/gim)].map(([, id]) => id)
    expect(echoed.length).toBe(1)
    expect(isTraceId(echoed[0])).toBe(true)
    expect(echoed[0]).toBe(plainId(sent) ?? echoed[0])
  }
  // Whoever breaks off in the middle of a body that the handler waits for gets no answer, nor may what comes before nonsense.
  if (sent.path.startsWith('/read') || !sent.last) expect(answers.length).toBeLessThanOrEqual(requests - before)
  else expect(answers.length, 'every request that Node took is answered').toBe(requests - before)
  return { answers: answers.length, requests }
}

/** All lines are JSON, short enough for a pipe, and ASCII but for what was asked. */
function expectWellWritten(log: string): void {
  for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
    expect(Buffer.byteLength(line)).toBeLessThan(4_096 - 1)
    const fields = JSON.parse(line) as Readonly<Record<string, unknown>>
    const ours = JSON.stringify({ ...fields, path: undefined, method: undefined })
    expect(ours).toMatch(/^[ -~]+$/)
    expect(ours).not.toContain(CANARY)
    expect(isTraceId(fields.trace_id)).toBe(true)
  }
}

test('whatever a client sends, the server lives, answers, and sends back and logs nothing that could harm', async (context) => {
  const log = fileNamed('hostile.ndjson')
  const server = await start('mortal-server', { args: ['default'], stdout: log })
  let [requests, answers] = [0, 0]
  await fc.assert(
    fc.asyncProperty(hostile, async (sent) => {
      const served = await expectServed(server, sent, requests)
      requests = served.requests
      answers += served.answers
    }),
    { numRuns: BUDGET.hostile },
  )
  expect(answers).toBeGreaterThan(BUDGET.hostile / 10)
  expect(await told(server)).toMatchObject({ requests, inFlight: 0, faults: 0 })
  server.child.kill()
  await server.ended
  expect(await server.stderr).toBe('')
  expectWellWritten(log)
  const { stuck, report } = await judged(log)
  expect(stuck).toEqual([])
  expect(report).toMatchObject({ invalid: [], gaps: [], checked: { requests, damaged_lines: 0, other_lines: 0 } })
  tell(context, {
    fault: 'hostile methods, paths, headers and bodies over raw sockets',
    tried: `${count(BUDGET.hostile)} messages, of which Node took ${count(requests)}`,
    lost: 'no request; every line is JSON, and under 4,096 bytes',
  })
})
