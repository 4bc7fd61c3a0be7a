import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storyOfFiles, storyMermaid, storyText } from '../../src/queries/story.ts'
import { runCommand } from '../cli/_run-command.ts'
import { root } from '../sources.ts'

// The logs, and what was printed for them with --format json, are of the version before calls were numbered.
const file = (suffix: string): string => join(root, `test/record/golden-before-calls.${suffix}`)
const before = (suffix: string): object => JSON.parse(readFileSync(file(suffix), 'utf8')) as object

test('logs of the version before calls were numbered are audited as before, and no call of theirs is lost', async () => {
  const args = ['audit', '--now', 'end', '--format', 'json', file('ndjson')]
  const { out, status } = await runCommand(...args)
  expect(JSON.parse(out)).toMatchObject(before('audit.json'))
  expect(status).toBe(0)
  const { out: withCalls } = await runCommand(...args, '--calls')
  expect(JSON.parse(withCalls)).toMatchObject({
    ...before('audit.json'),
    calls: { sent: 0, lost: 0, undecided: 0, services: {} },
  })
})

test('and their story is shown as before, without a word about calls', async () => {
  const report = await storyOfFiles('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', [file('ndjson')])
  expect(report).toMatchObject(before('story.json'))
  if (report === undefined) return
  for (const request of report.requests) expect(request).toMatchObject({ call: null, waited_ms: null, calls: [] })
  expect(storyText(report, 200) + storyMermaid(report)).not.toMatch(/\bcalls?\b/i)
})
