import { describe, expect, test } from 'vitest'
import { ndjson, QUEUED, transitions } from '../sample-log.ts'
import { folderOf, runCommand } from './_run-command.ts'

const LOG = ndjson(transitions(QUEUED))
const BAD_MACHINES = {
  'none.ts': 'export const machine = 1\n',
  'none.mjs': 'export default {}\n',
  'broken.ts': 'export default (\n',
  'two.mjs': `import { createMachine } from '${import.meta.resolve('xstate')}'
    const config = { initial: 'x', states: { x: {} } }
    export const [a, b] = [createMachine(config), createMachine(config)]
`,
  'guard.mjs': `import { createMachine } from '${import.meta.resolve('xstate')}'
    const states = { x: { on: { GO: { target: 'y', guard: () => true } } }, y: {} }
    export default createMachine({ id: 'm', initial: 'x', states })
`,
}

/** Names in braces are files in the folder of the test. */
const CALLS: readonly (readonly [call: string, problem: RegExp, fix: RegExp])[] = [
  ['', /no command/, /diagram, audit or story/],
  ['frobnicate', /unknown command 'frobnicate'/, /see throughline --help/],
  ['audit --nope {a.log}', /--nope/, /see throughline audit --help/],
  ['audit --stuck-after', /--stuck-after/, /see throughline audit --help/],
  ['audit {a.log} --stuck-after soon', /"soon"/, /write 250ms, 30s/],
  ['audit {a.log} --stuck-after Nowhere=1s', /Nowhere/, /its states are Received/],
  ['audit {a.log} --stuck-after Completed=1s', /Completed/, /it is final/],
  ['audit {a.log} --now yesterday', /"yesterday"/, /write 2026-01-31T12:00:00Z, epoch milliseconds, or end/],
  ['audit {a.log} --now 2026-99-99', /"2026-99-99"/, /write 2026/],
  ['audit {a.log} --format xml', /--format <format>.*xml/, /table, json, ndjson/],
  ['audit {missing.log}', /missing\.log/, /check its name/],
  ['audit {a.log} {nothing*.log}', /nothing\*\.log/, /no file matches the pattern/],
  ['audit {.}', /it is a folder/, /name its files, such as/],
  ['audit {torn.gz}', /torn\.gz/, /it starts like gzip but is not valid gzip: fetch it again/],
  ['audit {a.log} --machine {missing.ts}', /missing\.ts/, /cannot use the machine/],
  ['audit {a.log} --machine {none.ts}', /none\.ts/, /export one as default/],
  ['audit {a.log} --machine {none.mjs}', /none\.mjs/, /export one as default/],
  ['audit {a.log} --machine {broken.ts}', /broken\.ts/, /cannot use the machine/],
  ['audit {a.log} --machine {two.mjs}', /two\.mjs: it exports a, b/, /export one of them as default/],
  [
    'audit {a.log} --machine {guard.mjs}',
    /"m" uses a guard on GO in state "x"/,
    /what the guard saw is not in the log/,
  ],
  ['audit {a.log} --follow --now end', /--now end is a fixed time, and --follow keeps reading/, /use one of them/],
  [
    'audit {a.log} --follow --calls',
    /--calls needs a complete log, and --follow reads one that grows/,
    /use one of them/,
  ],
  ['audit {a.log} --follow --format json', /--format json/, /use --format ndjson/],
  [
    'audit {a.log} --follow --stuck-after auto',
    /--stuck-after auto needs a complete log/,
    /give a duration, such as 30s/,
  ],
  ['audit {a.log} --follow --stuck-after soon', /"soon"/, /write 250ms, 30s/],
  ['audit {a.log} --follow --machine {none.ts}', /none\.ts/, /export one as default/],
  ...['--loki http://loki:3100', '--query {app="api"}', '--since 1h', '--until 1h', '--loki-tenant shop'].map(
    (flag): readonly [string, RegExp, RegExp] => [
      `audit --follow ${flag}`,
      new RegExp(`${flag.split(' ', 1)[0] ?? ''} reads from Loki, and --follow from growing files`),
      /use one of them/,
    ],
  ),
  ['audit --loki http://loki:3100', /--loki needs --query/, /--query '\{app=~"api\|worker"\}'/],
  ['audit --loki http://loki:3100 {a.log}', /a\.log from files/, /use one of them/],
  ['audit --loki loki:3100 --query {app="api"}', /"loki:3100" is not a Loki URL/, /write it as http:/],
  ['audit {a.log} --since 1h', /--since is for Loki/, /add --loki http:/],
  ['audit {a.log} --loki-tenant shop', /--loki-tenant is for Loki/, /add --loki http:/],
  ['audit --loki http://loki:3100 --query rate({app="api"}[5m])', /metric query/, /write \{app=~/],
  [
    'audit --loki http://loki:3100 --query {app="api"} --since yesterday',
    /--since "yesterday" is not a duration/,
    /write 6h/,
  ],
  [
    'audit --loki http://loki:3100 --query {app="api"} --since 1h --until 2h',
    /--since 1h is not before --until 2h/,
    /swap them/,
  ],
  ['story abc-123 --loki http://loki:3100 {a.log}', /a\.log from files/, /use one of them/],
  ['story abc-123 {a.log} --query {app="api"}', /--query is for Loki/, /add --loki http:/],
  ['story abc-123 {a.log} --until 1h', /--until is for Loki/, /add --loki http:/],
  ['story no/id --loki http://loki:3100', /"no\/id" is not a trace id/, /pass a UUID/],
  ['story abc-123 {a.log} --skew soon', /"soon"/, /write 250ms, 30s/],
  ['story abc-123 {a.log} --field', /--field/, /see throughline story --help/],
  [
    'story abc-123 {a.log} --field trace=x',
    /--field trace=x: "trace" is not one of trace_id/,
    /write --field trace_id=correlationId/,
  ],
  ['story', /trace id/, /see throughline story --help/],
  ['story no/id {a.log}', /"no\/id" is not a trace id/, /pass a UUID/],
  ['story abc-123 {missing.log}', /missing\.log/, /check its name/],
  ['story abc-123 {a.log} --format xml', /xml/, /text, json, mermaid/],
  ['diagram --format png', /png/, /mermaid, dot, svg, json/],
  ['diagram --check {missing.md}', /missing\.md/, /cannot be read/],
  ['diagram --out {missing/out.md}', /out\.md/, /cannot be written/],
  ['diagram --logs {missing.log}', /missing\.log/, /check its name/],
  ['diagram --logs {a.log} --loki http://loki:3100 --query {app="api"}', /a\.log from files/, /use one of them/],
  ['diagram --loki http://loki:3100', /--loki needs --query/, /--query '\{app=~"api\|worker"\}'/],
  ['diagram --since 1h', /--since is for Loki/, /add --loki http:/],
  ['diagram --machine {none.ts}', /none\.ts/, /export one as default/],
  ['diagram surplus', /too many arguments/, /see throughline diagram --help/],
]

describe('bad usage gives status 2, one line on stderr with the problem and the fix, and no output', () => {
  test.each(CALLS)('throughline %s', async (call, problem, fix) => {
    const file = folderOf({
      'a.log': LOG,
      'torn.gz': Uint8Array.of(0x1f, 0x8b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
      ...BAD_MACHINES,
    })
    const args = call.split(' ').filter((word) => word !== '')
    const { status, out, err } = await runCommand(
      ...args.map((word) => word.replace(/^\{([^="]+)\}$/, (_, name: string) => file(name))),
    )
    expect(err).toMatch(/^throughline: [^\n]+\n$/)
    expect(err).toMatch(problem)
    expect(err).toMatch(fix)
    expect([status, out]).toEqual([2, ''])
  })
})

describe('help and version', () => {
  test.each([
    [['--version'], /^1\.2\.3\n$/],
    [['--help'], /diagram[^]*audit[^]*story/],
    [['audit', '--help'], /--stuck-after[^]*auto[^]*--now[^]*--machine[^]*--follow[^]*--loki[^]*--loki-tenant/],
    [
      ['story', '--help'],
      /--format[^]*--machine[^]*--field[^]*--loki[^]*--query[^]*--since[^]*--until[^]*--loki-tenant/,
    ],
    [['diagram', '--help'], /--logs[^]*--out[^]*--check[^]*--loki/],
    [['help', 'audit'], /--stuck-after/],
  ])('%j prints with status 0', async (args, expected) => {
    const { status, out, err } = await runCommand(...args)
    expect([status, err]).toEqual([0, ''])
    expect(out).toMatch(expected)
  })
})
