import { appendFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/audit/live/live-audit.ts'
import { FollowedAudit, type FollowOptions } from '../../src/queries/follow.ts'
import { folderOf } from '../cli/_run-command.ts'
import { BEGUN, ndjson, QUEUED, REQUEST, SYNC, transition, transitions } from '../sample-log.ts'

const LATER = BEGUN + 1_000_000

/** Follows a log that starts with these lines. The test acts in each pause between two rounds; the last one ends it. */
function follow(
  lines: string,
  pauses: readonly ((log: string) => void)[],
  options: Partial<FollowOptions> = {},
): FollowedAudit {
  const log = folderOf({ 'a.log': lines })('a.log')
  const controller = new AbortController()
  const actions = [...pauses]
  const wait = (): Promise<void> => {
    const next = actions.shift()
    if (next === undefined) controller.abort()
    else next(log)
    return Promise.resolve()
  }
  return new FollowedAudit([log], { stuckAfter: ['5s'], signal: controller.signal, now: () => LATER, wait, ...options })
}

async function collect(audit: FollowedAudit): Promise<Finding[]> {
  const findings: Finding[] = []
  for await (const finding of audit.findings()) findings.push(finding)
  return findings
}

const nothing = (): void => undefined
const kinds = (findings: readonly Finding[]): string[] => findings.map(({ finding, state }) => `${finding} ${state}`)

test('findings are yielded once each, as the lines arrive', async () => {
  const audit = follow(ndjson(transitions(['AUTH_OK'])), [
    nothing,
    nothing,
    (log) => appendFileSync(log, ndjson(transitions(SYNC, {}, 60_000).slice(2))),
    (log) => appendFileSync(log, ndjson([transition({ request_id: 'b7ad6b7169203332', state: 'Queued' })])),
    nothing,
  ])
  expect(kinds(await collect(audit))).toEqual([
    'stuck Authenticated',
    'moved_on Responded',
    'invalid Queued',
    'stuck Queued',
  ])
  expect(audit.stuck).toBe(1)
})

test('ages are measured at the current time if no lines arrive, and at the latest line while they do', async () => {
  const clock = { time: BEGUN }
  const set = (time: number) => () => void (clock.time = time)
  const late = ndjson(transitions(SYNC, { request_id: 'b7ad6b7169203332' }, 4_000))
  const audit = follow(
    ndjson(transitions([])),
    [
      set(BEGUN + 5_000),
      (log) => {
        clock.time = LATER
        appendFileSync(log, late.slice(0, late.indexOf('\n') + 1))
      },
      set(BEGUN + 5_001),
    ],
    { now: () => clock.time },
  )
  expect(await collect(audit)).toMatchObject([{ finding: 'stuck', request_id: REQUEST, age_ms: 5_001 }])
})

test('snapshot() has the state of the audit between two findings', async () => {
  const lines = [...transitions(QUEUED), ...transitions(SYNC, { request_id: 'b7ad6b7169203332' })]
  const audit = follow(ndjson(lines), [nothing])
  expect(audit.snapshot()).toMatchObject({ latest: -Infinity, open: 0, stuck: [] })
  for await (const finding of audit.findings()) {
    expect(finding).toMatchObject({ finding: 'stuck', state: 'Queued' })
    expect(audit.snapshot()).toMatchObject({
      latest: BEGUN + 3_000,
      open: 1,
      stuck: [{ request_id: REQUEST, state: 'Queued', age_ms: LATER - BEGUN - 3_000 }],
      states: { Queued: { gateway: 1 } },
    })
  }
})

test('the reader may stop early', async () => {
  const audit = follow(
    ndjson([...transitions([]), ...transitions([], { request_id: 'b7ad6b7169203332' })]),
    Array.from({ length: 100 }, () => nothing),
  )
  const findings: Finding[] = []
  for await (const finding of audit.findings()) {
    findings.push(finding)
    break
  }
  expect(findings).toHaveLength(1)
})

test('an aborted signal yields nothing', async () => {
  expect(await collect(follow(ndjson(transitions([])), [], { signal: AbortSignal.abort() }))).toEqual([])
})

test('warnings name files that do not exist yet', async () => {
  const warnings: string[] = []
  const controller = new AbortController()
  const audit = new FollowedAudit(['/no/such.log'], {
    signal: controller.signal,
    wait: () => {
      controller.abort()
      return Promise.resolve()
    },
    onWarning: (sentence) => warnings.push(sentence),
  })
  expect(await collect(audit)).toEqual([])
  expect(warnings).toEqual(['waiting for /no/such.log: it does not exist yet'])
})

test.each([
  ['auto', 'THROUGHLINE_USAGE'],
  ['soon', 'THROUGHLINE_BAD_DURATION'],
  ['Nowhere=1s', 'THROUGHLINE_BAD_STATE'],
])('the threshold %s is rejected', (threshold, code) => {
  expect(() => follow('', [], { stuckAfter: [threshold] })).toThrow(expect.objectContaining({ code }) as Error)
})
