import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lokiStandIn } from '../logs/loki/_loki.ts'
import { BEGUN, ndjson, QUEUED, SYNC, transitions } from '../sample-log.ts'
import { folderOf, runCommand } from './_run-command.ts'

describe('--format', () => {
  test.each([
    [[], /^stateDiagram-v2\n {4}\[\*\] --> Received\n[^]*Received --> Authenticated: auth ok\n/],
    [['--format', 'mermaid'], /^stateDiagram-v2\n/],
    [['--format', 'dot'], /^digraph/],
    [['--format', 'svg'], /^<\?xml[^]*<svg[^]*auth ok[^]*<\/svg>\s*$/],
    [['--format', 'json'], /^\{[^]*\}\n$/],
  ])('%j', async (args, expected) => {
    const { status, out, err } = await runCommand('diagram', ...args)
    expect([status, err]).toEqual([0, ''])
    expect(out).toMatch(expected)
  })
})

test('--out writes the diagram to a file, and prints nothing', async () => {
  const file = folderOf({})
  expect(await runCommand('diagram', '--out', file('d.mmd'))).toEqual({ status: 0, out: '', err: '' })
  expect(readFileSync(file('d.mmd'), 'utf8')).toBe((await runCommand('diagram')).out)
})

describe('--check', () => {
  test.each(['mermaid', 'dot', 'svg', 'json'])(
    'of %s: status 0 if the file contains the diagram, 1 if not',
    async (format) => {
      const { out } = await runCommand('diagram', '--format', format)
      const page = `# Page\n\n\`\`\`${format}\n${out}\`\`\`\n`
      const file = folderOf({ 'alone.txt': out, 'page.md': page, 'other.md': page.replace('Queued', 'Waiting') })
      for (const name of ['alone.txt', 'page.md'])
        expect(await runCommand('diagram', '--format', format, '--check', file(name))).toEqual({
          status: 0,
          out: '',
          err: '',
        })
      const fix = `print it with throughline diagram --format ${format}`
      const { status, out: printed, err } = await runCommand('diagram', '--format', format, '--check', file('other.md'))
      expect([status, printed]).toEqual([1, ''])
      expect(err).toBe(`throughline: ${file('other.md')} does not contain the diagram of the machine: ${fix}\n`)
    },
  )
})

describe('--logs', () => {
  test('counts each transition once, and open requests', async () => {
    const other = { request_id: 'b7ad6b7169203332' }
    const queued = ndjson(transitions(QUEUED))
    const file = folderOf({ 'a.log': queued + queued, 'b.log': ndjson(transitions(SYNC, other)) })
    const { status, out } = await runCommand('diagram', '--logs', file('a.log'), file('b.log'))
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

  test('does not count a line whose state is not that of its edge', async () => {
    const wrong = transitions(['AUTH_OK']).map((record) => (record.seq === 1 ? { ...record, state: 'Queued' } : record))
    const file = folderOf({ 'a.log': ndjson(wrong) })
    expect((await runCommand('diagram', '--logs', file('a.log'))).out).toContain(
      'Received --> Authenticated: auth ok (0)',
    )
  })
})

describe('--loki', () => {
  test('counts the same as --logs with the same lines', async () => {
    const log = ndjson([...transitions(QUEUED), ...transitions(SYNC, { request_id: 'b7ad6b7169203332' })])
    const lines = log.trim().split('\n')
    const { url, queries } = await lokiStandIn(
      lines.map((line, index) => ({ labels: { app: 'api' }, time: BigInt(BEGUN + index) * 1_000_000n, line })),
    )
    const file = folderOf({ 'a.log': log })
    const range = ['--since', String(BEGUN), '--until', String(BEGUN + 60_000)]
    const counted = await runCommand('diagram', '--loki', url, '--query', '{app="api"}', ...range)
    expect(counted).toEqual(await runCommand('diagram', '--logs', file('a.log')))
    expect(counted.out).toContain('Received --> Authenticated: auth ok (2)')
    expect(queries.map((query) => query.get('query'))).toEqual(['{app="api"} |= "lifecycle"'])
  })

  test('reports on stderr why it waits', async () => {
    const { url } = await lokiStandIn([], { faults: ['reset'] })
    const { status, err } = await runCommand('diagram', '--loki', url, '--query', '{app="api"}')
    expect(status).toBe(0)
    expect(err).toMatch(/^throughline: Loki: .+; trying again in \S+\n/)
  })
})
