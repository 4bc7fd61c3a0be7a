import { ThroughlineError } from '../errors.ts'
import { lokiAddress, type LokiAuth } from '../logs/loki/address.ts'
import type { LokiOptions } from '../logs/loki/connection.ts'
import { auditQuery, traceQuery } from '../logs/loki/log-ql.ts'
import { DEFAULT_SKEW_MS } from '../logs/trace-search.ts'
import { canonicalTraceId, creationTime, w3cTraceId } from '../trace/trace-id.ts'
import { parseTimeOrAgo } from './times.ts'

/** The flags with which a command reads from Loki instead of files. */
export interface LokiFlags {
  readonly loki?: string
  readonly query?: string
  readonly since?: string
  readonly until?: string
  readonly lokiTenant?: string
}

/** What the flags are combined with: the names of files, the environment, and the time in epoch milliseconds. */
export interface LokiContext {
  readonly names: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: number
}

const HOUR_MS = 3_600_000

/**
 * What an audit reads from Loki: the lifecycle lines of `--query`, by default of the last hour before `--until`.
 *
 * @returns undefined without `--loki`
 * @throws ThroughlineError THROUGHLINE_USAGE if flags contradict each other, or one has an invalid value
 * @throws ThroughlineError THROUGHLINE_BAD_TIME if `--since` or `--until` is neither a duration nor a time
 */
export function lokiForAudit(flags: LokiFlags, context: LokiContext): LokiOptions | undefined {
  const url = lokiUrl(flags, context.names)
  if (url === undefined) return undefined
  if (flags.query === undefined)
    throw usage(`--loki needs --query, which selects the lines to read: --query '{app=~"api|worker"}'`)
  const query = auditQuery(flags.query)
  return { url, query, ...timeRange(flags, context.now), ...identity(flags, url, context.env) }
}

/**
 * What a story reads from Loki: the lines that contain the trace id, without `--query` those of all services. The range
 * starts by default an hour before `--until`, or when the trace began, if its id contains that time and it is earlier.
 *
 * @returns undefined without `--loki`
 * @throws ThroughlineError as {@link lokiForAudit}
 */
export function lokiForStory(traceId: string, flags: LokiFlags, context: LokiContext): LokiOptions | undefined {
  const url = lokiUrl(flags, context.names)
  if (url === undefined) return undefined
  // A service that only received a traceparent logs the W3C trace-id.
  const query = traceQuery(flags.query, [canonicalTraceId(traceId), w3cTraceId(traceId)])
  return { url, query, ...timeRange(flags, context.now, creationTime(traceId)), ...identity(flags, url, context.env) }
}

function lokiUrl(flags: LokiFlags, names: readonly string[]): string | undefined {
  if (flags.loki !== undefined) {
    if (names.length > 0) throw usage(`--loki reads from Loki, and ${names.join(', ')} from files: use one of them`)
    lokiAddress(flags.loki)
    return flags.loki
  }
  const flag = lokiFlagIn(flags)
  if (flag === undefined) return undefined
  throw usage(`${flag} is for Loki: add --loki http://loki:3100, or remove ${flag}`)
}

/** The first of these flags that was given. */
export function lokiFlagIn(flags: LokiFlags): string | undefined {
  return LOKI_FLAGS.find(([key]) => flags[key] !== undefined)?.[1]
}

const LOKI_FLAGS = [
  ['loki', '--loki'],
  ['query', '--query'],
  ['since', '--since'],
  ['until', '--until'],
  ['lokiTenant', '--loki-tenant'],
] as const

function timeRange({ since, until }: LokiFlags, now: number, traceStart = Infinity): { start: number; end: number } {
  const end = until === undefined ? now : parseTimeOrAgo('--until', until, now)
  const start =
    since === undefined
      ? Math.max(0, Math.min(end - HOUR_MS, traceStart - DEFAULT_SKEW_MS))
      : parseTimeOrAgo('--since', since, now)
  if (start < end) return { start, end }
  const from = `--since ${since ?? ''}`
  throw usage(
    until === undefined
      ? `${from} is not in the past: write 6h, or an earlier time`
      : `${from} is not before --until ${until}: swap them`,
  )
}

/** Variables have the names that logcli uses. An empty value counts as unset. */
function identity(flags: LokiFlags, url: string, env: LokiContext['env']): { tenant?: string; auth?: LokiAuth } {
  const tenant = flags.lokiTenant ?? env.LOKI_ORG_ID ?? ''
  const [username, password, bearer] = [env.LOKI_USERNAME ?? '', env.LOKI_PASSWORD ?? '', env.LOKI_BEARER_TOKEN ?? '']
  const basic = username !== '' || password !== ''
  if (basic && bearer !== '' && lokiAddress(url).auth === undefined)
    throw usage('LOKI_BEARER_TOKEN is set, and so is LOKI_USERNAME or LOKI_PASSWORD: unset one of them')
  const auth = bearer !== '' ? { bearer } : basic ? { username, password } : undefined
  return { ...(tenant === '' ? {} : { tenant }), ...(auth === undefined ? {} : { auth }) }
}

function usage(message: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_USAGE', message)
}
