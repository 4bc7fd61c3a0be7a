import { execPath } from 'node:process'
import { requestMachine } from '../machines/request.ts'
import { compile } from '../src/machine/compile.ts'
import { bigLog, bytesFree, removeLog, warm } from './big-logs.ts'
import { exists, ran, type Ran } from './command.ts'
import { compiled } from './compiled.ts'
import { DUCKDB_NAME, duckdbModule } from './duckdb.ts'
import type { Generated } from './logs/generate.ts'
import type { OpenRequest, Truth } from './logs/truth.ts'
import { interleaved, median, of, spread } from './measure.ts'
import { progress, progressEnds } from './progress.ts'
import { atMost, type Cell, type Effort, type Mark, type Question, type Table } from './question.ts'
import { THROUGHLINE } from './throughline.ts'

/** Milliseconds after which a request is stuck, by state: what the peers are told. */
const LIMITS: Readonly<Record<string, number>> = Object.fromEntries(
  compile(requestMachine).states.flatMap(({ name, final, stuckAfterMs }) => (final ? [] : [[name, stuckAfterMs]])),
)

/** jq takes so long that it gets this share of the log. */
const JQ_SHARE = 0.1

export const audit: Question = {
  name: 'audit',
  title: 'How long does an audit take, beside other ways to find what is stuck?',
  method: `Logs are made at random, as four services write them: about 290 bytes a line and four lines a request, a fifth of the traces handed over to a
worker, one request in a thousand hangs. The same log lies in one file or in eight. Each way is a command, measured from its start to its end, on
two cores, with the log in the system's cache: \`throughline audit --format json\`, which also checks every path, finds gaps and measures each state;
DuckDB's JSON reader in a Node process, with two threads, told which six fields to read, and one \`GROUP BY\`; a Node program that calls \`JSON.parse\` on
every line and keeps the latest of each request in a \`Map\`; jq, which prints five fields of each line, and awk, which keeps the latest of each
request. These peers are asked for the number of stuck requests and nothing else. jq is given a log of a tenth of the size, and its time is
multiplied by ten. All have to find exactly what is known to be stuck, else there is no result. *Peak* is the most memory that was resident.
Medians of interleaved rounds.

*As the log grows* is \`throughline audit\` alone. With \`--huge\` ten million requests are made and audited too, of which a thousand are stuck.`,
  ask: async (effort) => {
    const bytes = effort.quick ? 1e7 : 1e9
    const tables = []
    for (const files of [1, 8]) tables.push(await compared(bytes, files, effort))
    const growth = await grown(effort)
    const huge = effort.huge ? await hugeTable() : []
    return { tables: [...tables, growth, ...huge], marks: [...tables.flatMap(besideDuckDb), ...asItGrows(growth)] }
  },
}

interface Way {
  readonly name: string
  /** The share of the log that it is given. */
  readonly share: number
  readonly log: Generated
  readonly run: (log: Generated) => Promise<Ran>
  /** How many requests its output says are stuck. */
  readonly found: (stdout: string) => number
}

async function compared(bytes: number, files: number, { rounds, quick }: Effort): Promise<Table> {
  const log = await bigLog({ bytes, files })
  const small = await bigLog({ bytes: bytes * JQ_SHARE, files })
  const ways = await waysFor(log, small)
  await warm([...log.files, ...small.files])
  const measured = await interleaved(ways, Math.min(rounds, 5), async (way, round) => {
    progress(`audit, ${files} files: round ${round + 1}, ${way.name}`)
    const result = await way.run(way.log)
    const found = way.found(result.stdout)
    if (found !== way.log.truth.stuck.length) throw new Error(`${way.name} finds ${found} stuck requests, and there are ${way.log.truth.stuck.length}`)
    return result
  })
  const seconds = (way: Way): readonly number[] => of(measured, way).map((result) => result.seconds / way.share)
  const [ours] = ways.map((way) => median(seconds(way)))
  return {
    title: `${sizeOf(log.truth)} in ${files === 1 ? 'one file' : `${files} files`}, ${log.truth.requests.toLocaleString('en-US')} requests, ${log.truth.stuck.length} of them stuck`,
    columns: [
      { name: 'by' },
      { name: 's', digits: quick ? 2 : 1 },
      { name: '±', digits: quick ? 2 : 1 },
      { name: 'MB per s' },
      { name: '× throughline', digits: 2 },
      { name: 'peak, MB' },
    ],
    rows: ways.map((way): Cell[] => {
      const middle = median(seconds(way))
      return [way.name, middle, spread(seconds(way)), log.truth.bytes / 1e6 / middle, middle / (ours ?? NaN), median(of(measured, way).map(({ peak }) => peak))]
    }),
  }
}

async function waysFor(log: Generated, small: Generated): Promise<readonly Way[]> {
  const duckdb = duckdbModule()
  const jq = await exists('jq')
  if (!jq) {
    progressEnds()
    console.error('jq is left out, since it is not installed')
  }
  const program = (name: string, ...args: string[]): Way['run'] => ({ files, truth }) =>
    ran(execPath, [compiled(`programs/${name}`), ...args, String(truth.now), JSON.stringify(LIMITS), ...files])
  return [
    { name: '`throughline audit`', share: 1, log, run: throughlineAudit, found: (stdout) => stuckIn(stdout).length },
    ...(duckdb === undefined ? [] : [{ name: `${DUCKDB_NAME}, by its JSON reader`, share: 1, log, run: program('duckdb', duckdb), found: Number }]),
    { name: '`JSON.parse` and a `Map`', share: 1, log, run: program('parse-audit'), found: Number },
    ...(jq ? [{ name: 'jq and awk, on a tenth', share: JQ_SHARE, log: small, run: jqAudit, found: Number }] : []),
  ]
}

function throughlineAudit({ files, truth }: Generated): Promise<Ran> {
  // Status 1: something is stuck.
  return ran(execPath, [THROUGHLINE, 'audit', '--format', 'json', '--now', String(truth.now), ...files], [0, 1])
}

const JQ = 'select(.lifecycle == "transition") | [.trace_id, .request_id, .seq, .state, .time] | @tsv'
const AWK = `
  { request = $1 " " $2; if (!(request in seq) || $3 >= seq[request]) { seq[request] = $3; state[request] = $4; since[request] = $5 } }
  END { for (request in seq) if (state[request] in limit && now - since[request] > limit[state[request]]) stuck += 1; print stuck + 0 }`
const SCRIPT = 'filter=$1 program=$2 now=$3; shift 3; jq -r "$filter" "$@" | awk -F "\\t" -v now="$now" "$program"'

function jqAudit({ files, truth }: Generated): Promise<Ran> {
  const limits = Object.entries(LIMITS).map(([state, ms]) => `limit["${state}"] = ${ms};`)
  return ran('sh', ['-c', SCRIPT, 'sh', JQ, `BEGIN { ${limits.join(' ')} } ${AWK}`, String(truth.now), ...files])
}

/** What an audit in JSON calls stuck; the cast names as much of it as is used. */
function stuckIn(stdout: string): readonly OpenRequest[] {
  return (JSON.parse(stdout) as { readonly stuck: readonly OpenRequest[] }).stuck
}

async function grown({ rounds, quick }: Effort): Promise<Table> {
  const logs = []
  for (const bytes of quick ? [1e6, 1e7] : [1e8, 1e9, 4e9]) logs.push(await bigLog({ bytes, files: 1 }))
  const measured = await interleaved(logs, Math.min(rounds, 3), async (log, round) => {
    progress(`audit of ${sizeOf(log.truth)}: round ${round + 1}`)
    await warm(log.files)
    const result = await throughlineAudit(log)
    expectExactly(log.truth, result)
    return result
  })
  const seconds = (log: Generated): readonly number[] => of(measured, log).map((result) => result.seconds)
  const perGb = (log: Generated): number => median(seconds(log)) / (log.truth.bytes / 1e9)
  return {
    title: 'As the log grows',
    columns: [{ name: 'log' }, { name: 'requests' }, { name: 's', digits: 2 }, { name: '±', digits: 2 }, { name: 's per GB', digits: 2 }, { name: 'peak, MB' }, { name: 'bytes per request' }],
    rows: logs.map((log) => {
      const peak = median(of(measured, log).map((result) => result.peak))
      return [sizeOf(log.truth), log.truth.requests, median(seconds(log)), spread(seconds(log)), perGb(log), peak, (peak * 1e6) / log.truth.requests]
    }),
  }
}

/** Ours against DuckDB's, which has a row unless it could not be had. */
export function besideDuckDb({ title = '', rows }: Table): Mark[] {
  const claim = `an audit of ${title.split(',')[0] ?? ''} takes at most as long as DuckDB`
  return rows.filter(([name]) => String(name).startsWith('DuckDB')).map((row) => atMost(claim, 1 / Number(row[4]), 1, ' ×'))
}

/** Time per GB, and memory, of the largest log against smaller ones. */
export function asItGrows({ rows }: Table): Mark[] {
  const [least, base] = rows
  const most = rows.at(-1)
  if (least === undefined || base === undefined || most === undefined) return []
  const claim = `an audit of ${String(most[0])} takes at most 1.2 × `
  return [
    atMost(`${claim}as long per GB as one of ${String(base[0])}`, Number(most[4]) / Number(base[4]), 1.2, ' ×'),
    ...[least, base].map((row) => atMost(`${claim}the memory of one of ${String(row[0])}`, Number(most[5]) / Number(row[5]), 1.2, ' ×')),
  ]
}

async function hugeTable(): Promise<Table[]> {
  const options = { requests: 10_000_000, stuck: 1_000 }
  // A request has about 1,200 bytes.
  if (bytesFree() < options.requests * 1_500) {
    console.error('the audit of ten million requests is left out, since the disk for temporary files has no room')
    return []
  }
  try {
    const log = await bigLog(options)
    progress('audit of ten million requests')
    const result = await throughlineAudit(log)
    expectExactly(log.truth, result)
    const { truth } = log
    return [
      {
        title: 'Ten million requests, a thousand of them stuck',
        columns: [{ name: 'log' }, { name: 'requests' }, { name: 'stuck, exactly these' }, { name: 's', digits: 1 }, { name: 'MB per s' }, { name: 'peak, MB' }],
        rows: [[sizeOf(truth), truth.requests, truth.stuck.length, result.seconds, truth.bytes / 1e6 / result.seconds, result.peak]],
      },
    ]
  } finally {
    removeLog(options)
  }
}

/** Makes sure that the audit names those that are stuck, where and since when, and no others. */
function expectExactly({ stuck }: Truth, { stdout }: Ran): void {
  const told = (requests: readonly OpenRequest[]): string[] => requests.map(({ trace_id, request_id, state, since }) => `${trace_id} ${request_id} ${state} ${since}`).sort()
  const [found, known] = [told(stuckIn(stdout)), told(stuck)]
  if (found.join('\n') !== known.join('\n')) throw new Error(`the audit finds ${found.length} stuck requests, and not exactly the ${known.length} that there are`)
}

function sizeOf({ bytes }: Truth): string {
  return bytes >= 5e8 ? `${(bytes / 1e9).toFixed(0)} GB` : `${(bytes / 1e6).toFixed(0)} MB`
}
