import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ndjson, QUEUED, SYNC, transitions } from '../sample-log.ts'
import { called, folderOf } from './_called.ts'

describe('--format', () => {
  test.each([
    [[], /^stateDiagram-v2\n {4}\[\*\] --> Received\n[^]*Received --> Authenticated: auth ok\n/],
    [['--format', 'mermaid'], /^stateDiagram-v2\n/],
    [['--format', 'dot'], /^digraph/],
    [['--format', 'svg'], /^<\?xml[^]*<svg[^]*auth ok[^]*<\/svg>\s*$/],
    [['--format', 'json'], /^\{[^]*\}\n$/],
  ])('%j', async (args, drawn) => {
    const { status, out, err } = await called('diagram', ...args)
    expect([status, err]).toEqual([0, ''])
    expect(out).toMatch(drawn)
  })
})

test('--out writes what would be printed, and prints nothing', async () => {
  const file = folderOf({})
  expect(await called('diagram', '--out', file('d.mmd'))).toEqual({ status: 0, out: '', err: '' })
  expect(readFileSync(file('d.mmd'), 'utf8')).toBe((await called('diagram')).out)
})

describe('--check', () => {
  test.each(['mermaid', 'dot', 'svg', 'json'])(
    'of %s: 0 where the file holds the diagram, 1 where it differs',
    async (format) => {
      const { out } = await called('diagram', '--format', format)
      const page = `# Page\n\n\`\`\`${format}\n${out}\`\`\`\n`
      const file = folderOf({ 'alone.txt': out, 'page.md': page, 'other.md': page.replace('Queued', 'Waiting') })
      for (const name of ['alone.txt', 'page.md'])
        expect(await called('diagram', '--format', format, '--check', file(name))).toEqual({
          status: 0,
          out: '',
          err: '',
        })
      const { status, out: printed, err } = await called('diagram', '--format', format, '--check', file('other.md'))
      expect([status, printed]).toEqual([1, ''])
      expect(err).toBe(
        `throughline: ${file('other.md')} does not hold the diagram of the machine: print it with throughline diagram --format ${format}\n`,
      )
    },
  )
})

describe('--logs', () => {
  test('counts each way once, and what is open', async () => {
    const other = { request_id: 'b7ad6b7169203332' }
    const queued = ndjson(transitions(QUEUED))
    const file = folderOf({ 'a.log': queued + queued, 'b.log': ndjson(transitions(SYNC, other)) })
    const { status, out } = await called('diagram', '--logs', file('a.log'), file('b.log'))
    expect(status).toBe(0)
    expect(out.split('\n').map((line) => line.trim())).toEqual([
      'stateDiagram-v2',
      'state "Queued (1 open)" as Queued',
      '[*] --> Received',
      'Received --> Authenticated: auth ok (2)',
      'Received --> Failed: auth error (0)',
      'Authenticated --> Processing: (2)',
      'Processing --> Queued: async path (1)',
      'Processing --> Responded: sync path (1)',
      'Queued --> Completed: (0)',
      'Responded --> [*]',
      'Completed --> [*]',
      'Failed --> [*]',
      '',
    ])
  })

  test('does not count a line that leads elsewhere than its edge', async () => {
    const wrong = transitions(['AUTH_OK']).map((record) => (record.seq === 1 ? { ...record, state: 'Queued' } : record))
    const file = folderOf({ 'a.log': ndjson(wrong) })
    expect((await called('diagram', '--logs', file('a.log'))).out).toContain('Received --> Authenticated: auth ok (0)')
  })
})
