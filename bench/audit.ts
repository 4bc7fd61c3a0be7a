import { execPath } from 'node:process'
import { requestMachine } from '../machines/request.ts'
import { compile } from '../src/machine/compile.ts'
import { atMost, type Benchmark, type Cell, type RunOptions, type Table, type Target } from './benchmark.ts'
import { cachedLogs, freeBytes, removeCachedLogs, warmPageCache } from './cached-logs.ts'
import { CLI_PATH } from './cli-path.ts'
import { compiledPath } from './compile-programs.ts'
import { DUCKDB_NAME, installDuckDb } from './duckdb.ts'
import { interleave, resultsOf } from './interleave.ts'
import type { ExpectedResults, OpenRequest } from './logs/expected.ts'
import type { GeneratedLogs } from './logs/generate-logs.ts'
import { clearProgress, showProgress } from './progress.ts'
import { isInstalled, runCommand, type CommandResult } from './run-command.ts'
import { median, spread } from './statistics.ts'

/** Milliseconds after which a request is stuck, by state: the thresholds that the other tools are given. */
const STUCK_AFTER_MS: Readonly<Record<string, number>> = Object.fromEntries(
  compile(requestMachine).states.flatMap(({ name, final, stuckAfterMs }) => (final ? [] : [[name, stuckAfterMs]])),
)

/** jq is so slow that it gets only this share of the log. */
const JQ_SHARE = 0.1

export const audit: Benchmark = {
  name: 'audit',
  title: 'Audit time, compared with DuckDB, JSON.parse and jq',
  method: `The logs are random, in the form that four services would write: about 290 bytes a line, four lines a request, a fifth of the traces handed
off to a worker, one request in a thousand stuck. Each tool is a command on two cores. The benchmark fails if a tool finds another number of
stuck requests than expected.

| tool                | what it does                                                                                                    |
| ------------------- | --------------------------------------------------------------------------------------------------------------- |
| \`throughline audit\` | also validates every path, finds gaps and measures each state (\`--format json\`)                                 |
| DuckDB              | its JSON reader in a Node process, with two threads, the six fields to read, and one \`GROUP BY\`                 |
| \`JSON.parse\`        | a Node program that keeps the latest line of each request in a \`Map\`                                            |
| jq and awk          | five fields of each line, and the latest line of each request; on a tenth of the log, with the time multiplied by ten |

*By log size* is \`throughline audit\` alone. \`--huge\` adds an audit of ten million requests, a thousand of them stuck.`,
  run: async (options) => {
    const bytes = options.quick ? 1e7 : 1e9
    const tables = []
    for (const files of [1, 8]) tables.push(await compareTools(bytes, files, options))
    const bySize = await measureBySize(options)
    const huge = options.huge ? await measureHuge() : []
    return { tables: [...tables, bySize, ...huge], targets: [...tables.flatMap(duckDbTargets), ...sizeTargets(bySize)] }
  },
}

interface Tool {
  readonly name: string
  /** The share of the log that it reads. */
  readonly share: number
  readonly logs: GeneratedLogs
  readonly run: (logs: GeneratedLogs) => Promise<CommandResult>
  /** The number of stuck requests in its output. */
  readonly stuckCount: (stdout: string) => number
}

async function compareTools(bytes: number, files: number, { rounds, quick }: RunOptions): Promise<Table> {
  const logs = await cachedLogs({ bytes, files })
  const jqLogs = await cachedLogs({ bytes: bytes * JQ_SHARE, files })
  const tools = await installedTools(logs, jqLogs)
  await warmPageCache([...logs.files, ...jqLogs.files])
  const results = await interleave(tools, Math.min(rounds, 5), async (tool, round) => {
    showProgress(`audit, ${files} files: round ${round + 1}, ${tool.name}`)
    const result = await tool.run(tool.logs)
    const found = tool.stuckCount(result.stdout)
    const expected = tool.logs.expected.stuck.length
    if (found !== expected) throw new Error(`${tool.name} finds ${found} stuck requests instead of ${expected}`)
    return result
  })
  const seconds = (tool: Tool): readonly number[] =>
    resultsOf(results, tool).map((result) => result.seconds / tool.share)
  const [throughlineSeconds = NaN] = tools.map((tool) => median(seconds(tool)))
  const { expected } = logs
  const place = files === 1 ? 'one file' : `${files} files`
  return {
    title: `${formatSize(expected)} in ${place}, ${expected.requests.toLocaleString('en-US')} requests, ${expected.stuck.length} of them stuck`,
    columns: [
      { name: 'tool' },
      { name: 's', digits: quick ? 2 : 1 },
      { name: '±', digits: quick ? 2 : 1 },
      { name: 'MB per s' },
      { name: '× throughline', digits: 2 },
      { name: 'peak, MB' },
    ],
    rows: tools.map((tool): Cell[] => {
      const middle = median(seconds(tool))
      const peakMb = median(resultsOf(results, tool).map((result) => result.peakMb))
      return [
        tool.name,
        middle,
        spread(seconds(tool)),
        expected.bytes / 1e6 / middle,
        middle / throughlineSeconds,
        peakMb,
      ]
    }),
  }
}

async function installedTools(logs: GeneratedLogs, jqLogs: GeneratedLogs): Promise<readonly Tool[]> {
  const duckDb = installDuckDb()
  const jq = await isInstalled('jq')
  if (!jq) {
    clearProgress()
    console.error('skipping jq, which is not installed')
  }
  const program =
    (name: string, ...args: string[]): Tool['run'] =>
    ({ files, expected }) =>
      runCommand(execPath, [
        compiledPath(`programs/${name}`),
        ...args,
        String(expected.now),
        JSON.stringify(STUCK_AFTER_MS),
        ...files,
      ])
  return [
    { name: '`throughline audit`', share: 1, logs, run: runAudit, stuckCount: (stdout) => parseStuck(stdout).length },
    ...(duckDb === undefined
      ? []
      : [{ name: `${DUCKDB_NAME}, JSON reader`, share: 1, logs, run: program('duckdb', duckDb), stuckCount: Number }]),
    { name: '`JSON.parse` and a `Map`', share: 1, logs, run: program('json-parse-audit'), stuckCount: Number },
    ...(jq ? [{ name: 'jq and awk, on a tenth', share: JQ_SHARE, logs: jqLogs, run: runJq, stuckCount: Number }] : []),
  ]
}

function runAudit({ files, expected }: GeneratedLogs): Promise<CommandResult> {
  // Status 1 means that requests are stuck.
  return runCommand(execPath, [CLI_PATH, 'audit', '--format', 'json', '--now', String(expected.now), ...files], [0, 1])
}

const JQ = 'select(.lifecycle == "transition") | [.trace_id, .request_id, .seq, .state, .time] | @tsv'
const AWK = `
  { request = $1 " " $2; if (!(request in seq) || $3 >= seq[request]) { seq[request] = $3; state[request] = $4; since[request] = $5 } }
  END { for (request in seq) if (state[request] in limit && now - since[request] > limit[state[request]]) stuck += 1; print stuck + 0 }`
const SCRIPT = 'filter=$1 program=$2 now=$3; shift 3; jq -r "$filter" "$@" | awk -F "\\t" -v now="$now" "$program"'

function runJq({ files, expected }: GeneratedLogs): Promise<CommandResult> {
  const limits = Object.entries(STUCK_AFTER_MS).map(([state, ms]) => `limit["${state}"] = ${ms};`)
  return runCommand('sh', [
    '-c',
    SCRIPT,
    'sh',
    JQ,
    `BEGIN { ${limits.join(' ')} } ${AWK}`,
    String(expected.now),
    ...files,
  ])
}

/** The stuck requests of an audit in JSON; the cast names only the members that are used. */
function parseStuck(stdout: string): readonly OpenRequest[] {
  return (JSON.parse(stdout) as { readonly stuck: readonly OpenRequest[] }).stuck
}

async function measureBySize({ rounds, quick }: RunOptions): Promise<Table> {
  const sizes = []
  for (const bytes of quick ? [1e6, 1e7] : [1e8, 1e9, 4e9]) sizes.push(await cachedLogs({ bytes, files: 1 }))
  const results = await interleave(sizes, Math.min(rounds, 3), async (logs, round) => {
    showProgress(`audit of ${formatSize(logs.expected)}: round ${round + 1}`)
    await warmPageCache(logs.files)
    const result = await runAudit(logs)
    checkStuck(logs.expected, result)
    return result
  })
  const seconds = (logs: GeneratedLogs): readonly number[] => resultsOf(results, logs).map((result) => result.seconds)
  const perGb = (logs: GeneratedLogs): number => median(seconds(logs)) / (logs.expected.bytes / 1e9)
  return {
    title: 'By log size',
    columns: [
      { name: 'log' },
      { name: 'requests' },
      { name: 's', digits: 2 },
      { name: '±', digits: 2 },
      { name: 's per GB', digits: 2 },
      { name: 'peak, MB' },
      { name: 'bytes per request' },
    ],
    rows: sizes.map((logs) => {
      const peakMb = median(resultsOf(results, logs).map((result) => result.peakMb))
      const { requests } = logs.expected
      return [
        formatSize(logs.expected),
        requests,
        median(seconds(logs)),
        spread(seconds(logs)),
        perGb(logs),
        peakMb,
        (peakMb * 1e6) / requests,
      ]
    }),
  }
}

/** No target without a DuckDB row: it may not be installed. */
function duckDbTargets({ title = '', rows }: Table): Target[] {
  const claim = `an audit of ${title.split(',')[0] ?? ''} takes at most as long as DuckDB`
  return rows
    .filter(([name]) => String(name).startsWith('DuckDB'))
    .map((row) => atMost(claim, 1 / Number(row[4]), 1, ' ×'))
}

/** Compares the largest log's time per GB, and memory, with those of smaller logs. */
function sizeTargets({ rows }: Table): Target[] {
  const [smallest, base] = rows
  const largest = rows.at(-1)
  if (smallest === undefined || base === undefined || largest === undefined) return []
  const claim = `an audit of ${String(largest[0])} takes at most 1.2 × `
  return [
    atMost(`${claim}as long per GB as one of ${String(base[0])}`, Number(largest[4]) / Number(base[4]), 1.2, ' ×'),
    ...[smallest, base].map((row) =>
      atMost(`${claim}the memory of one of ${String(row[0])}`, Number(largest[5]) / Number(row[5]), 1.2, ' ×'),
    ),
  ]
}

async function measureHuge(): Promise<Table[]> {
  const options = { requests: 10_000_000, stuck: 1_000 }
  // A request takes about 1,200 bytes.
  if (freeBytes() < options.requests * 1_500) {
    console.error('skipping the audit of ten million requests: too little free space for temporary files')
    return []
  }
  try {
    const logs = await cachedLogs(options)
    showProgress('audit of ten million requests')
    const result = await runAudit(logs)
    checkStuck(logs.expected, result)
    const { bytes, requests, stuck } = logs.expected
    return [
      {
        title: 'Ten million requests, a thousand of them stuck',
        columns: [
          { name: 'log' },
          { name: 'requests' },
          { name: 'stuck, all found' },
          { name: 's', digits: 1 },
          { name: 'MB per s' },
          { name: 'peak, MB' },
        ],
        rows: [
          [
            formatSize(logs.expected),
            requests,
            stuck.length,
            result.seconds,
            bytes / 1e6 / result.seconds,
            result.peakMb,
          ],
        ],
      },
    ]
  } finally {
    removeCachedLogs(options)
  }
}

/** @throws Error unless the audit lists exactly the expected stuck requests, with state and time */
function checkStuck({ stuck }: ExpectedResults, { stdout }: CommandResult): void {
  const describe = (requests: readonly OpenRequest[]): string[] =>
    requests.map(({ trace_id, request_id, state, since }) => `${trace_id} ${request_id} ${state} ${since}`).sort()
  const [found, expected] = [describe(parseStuck(stdout)), describe(stuck)]
  if (found.join('\n') !== expected.join('\n')) {
    throw new Error(
      `the audit lists ${found.length} stuck requests, which are not exactly the ${expected.length} expected ones`,
    )
  }
}

function formatSize({ bytes }: ExpectedResults): string {
  return bytes >= 5e8 ? `${(bytes / 1e9).toFixed(0)} GB` : `${(bytes / 1e6).toFixed(0)} MB`
}
