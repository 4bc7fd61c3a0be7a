import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { storyOfFiles, storyText } from '../../src/queries/story.ts'
import { runCommand } from '../cli/_run-command.ts'
import { root } from '../sources.ts'

// The logs, and what was printed for them, are of the version before calls were numbered.
const file = (suffix: string): string => join(root, `test/record/golden-before-calls.${suffix}`)

test('logs of the version before calls were numbered are audited as before, and no call of theirs is lost', async () => {
  const { out, status } = await runCommand('audit', '--now', 'end', file('ndjson'))
  expect(out).toBe(readFileSync(file('audit.txt'), 'utf8'))
  expect(status).toBe(0)
  const { out: json } = await runCommand('audit', '--now', 'end', '--calls', '--format', 'json', file('ndjson'))
  expect(JSON.parse(json)).toMatchObject({ calls: { sent: 0, lost: 0, undecided: 0, services: {} } })
})

test('and their story is shown as before', async () => {
  const report = await storyOfFiles('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', [file('ndjson')])
  expect(report === undefined ? '' : storyText(report, 200)).toBe(readFileSync(file('story.txt'), 'utf8'))
})
