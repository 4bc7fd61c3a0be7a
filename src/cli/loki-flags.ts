import { ThroughlineError } from '../errors.ts'
import { parseDuration } from '../machine/duration.ts'
import { lokiAddress, type LokiAuth } from '../logs/loki/address.ts'
import type { LokiOptions } from '../logs/loki/connection.ts'
import { auditQuery, traceQuery } from '../logs/loki/log-ql.ts'
import { canonicalTraceId, creationTime, w3cTraceId } from '../trace/trace-id.ts'
import { parseTime } from './inputs.ts'

/** The flags with which a command reads from Loki instead of files. */
export interface LokiFlags {
  readonly loki?: string
  readonly query?: string
  readonly since?: string
  readonly until?: string
  readonly lokiTenant?: string
}

/** What flags stand beside: the files that were named, the environment, and the time in epoch milliseconds. */
export interface SourceContext {
  readonly names: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: number
}

const HOUR = 3_600_000
/** How far clocks may differ: those that make ids, and those that write lines. */
const SKEW = 300_000

/**
 * What an audit reads from Loki: the lifecycle lines of `--query`, by default of the hour before `--until`, which is now.
 *
 * @returns undefined without `--loki`: then files are read
 * @throws ThroughlineError THROUGHLINE_USAGE where flags do not fit together, or one has a value that cannot be used
 * @throws ThroughlineError THROUGHLINE_BAD_TIME where `--since` or `--until` is neither a duration nor a time
 */
export function auditSource(flags: LokiFlags, beside: SourceContext): LokiOptions | undefined {
  const url = lokiUrl(flags, beside.names)
  if (url === undefined) return undefined
  if (flags.query === undefined)
    throw usage(`--loki needs --query, which says whose lines to read: --query '{app=~"api|worker"}'`)
  const query = auditQuery(flags.query)
  return { url, query, ...rangeOf(flags, beside.now), ...identityOf(flags, url, beside.env) }
}

/**
 * What a story reads from Loki: the lines that hold the trace's id, of all services without `--query`. By default
 * those of the hour before `--until`, or from the birth of the trace on, where its id tells that and it is earlier.
 *
 * @returns undefined without `--loki`: then files are read
 * @throws ThroughlineError as {@link auditSource}
 */
export function storySource(traceId: string, flags: LokiFlags, beside: SourceContext): LokiOptions | undefined {
  const url = lokiUrl(flags, beside.names)
  if (url === undefined) return undefined
  // A service that only saw a traceparent knows the trace by its 128 bits.
  const query = traceQuery(flags.query, [canonicalTraceId(traceId), w3cTraceId(traceId)])
  return { url, query, ...rangeOf(flags, beside.now, creationTime(traceId)), ...identityOf(flags, url, beside.env) }
}

function lokiUrl(flags: LokiFlags, names: readonly string[]): string | undefined {
  if (flags.loki !== undefined) {
    if (names.length > 0) throw usage(`--loki reads from Loki, and ${names.join(', ')} from files: give one of them`)
    lokiAddress(flags.loki)
    return flags.loki
  }
  const named = (['query', 'since', 'until', 'lokiTenant'] as const).find((name) => flags[name] !== undefined)
  if (named === undefined) return undefined
  throw usage(
    `--${named === 'lokiTenant' ? 'loki-tenant' : named} is for Loki: add --loki http://loki:3100, or leave it out`,
  )
}

function rangeOf({ since, until }: LokiFlags, now: number, born = Infinity): { start: number; end: number } {
  const end = until === undefined ? now : parseSince('--until', until, now)
  const start = since === undefined ? Math.max(0, Math.min(end - HOUR, born - SKEW)) : parseSince('--since', since, now)
  if (start < end) return { start, end }
  const from = `--since ${since ?? ''}`
  throw usage(
    until === undefined
      ? `${from} is not in the past: write 6h, or an earlier time`
      : `${from} is not before --until ${until}: exchange them`,
  )
}

/** `6h` is that long ago; all else is a time. */
function parseSince(flag: string, text: string, now: number): number {
  try {
    return /[a-z]$/.test(text) ? now - parseDuration(text) : parseTime(text)
  } catch (cause) {
    const mend = 'write 6h, 2026-01-31T12:00:00Z or epoch milliseconds'
    throw new ThroughlineError('THROUGHLINE_BAD_TIME', `${flag} "${text}" is no duration and no time: ${mend}`, {
      cause,
    })
  }
}

/** Names as logcli has them, so that one environment serves both. An empty value counts as none. */
function identityOf(flags: LokiFlags, url: string, env: SourceContext['env']): { tenant?: string; auth?: LokiAuth } {
  const tenant = flags.lokiTenant ?? env.LOKI_ORG_ID ?? ''
  const [username, password, bearer] = [env.LOKI_USERNAME ?? '', env.LOKI_PASSWORD ?? '', env.LOKI_BEARER_TOKEN ?? '']
  const basic = username !== '' || password !== ''
  if (basic && bearer !== '' && lokiAddress(url).auth === undefined) {
    throw usage('LOKI_BEARER_TOKEN is set, and so is LOKI_USERNAME or LOKI_PASSWORD: unset one of them')
  }
  const auth = bearer !== '' ? { bearer } : basic ? { username, password } : undefined
  return { ...(tenant === '' ? {} : { tenant }), ...(auth === undefined ? {} : { auth }) }
}

function usage(message: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_USAGE', message)
}
