import pc from 'picocolors'
import { LiveAudit, type Finding } from '../audit/live/live-audit.ts'
import { ThroughlineError } from '../errors.ts'
import { formatDuration, formatTime } from '../machine/duration.ts'
import type { TransitionTable } from '../machine/table.ts'
import { STDIN } from '../logs/files/open.ts'
import { tail } from '../logs/tail/tail.ts'
import { sanitizeForTerminal } from '../story/text.ts'
import type { ExitStatus, Io } from './io.ts'

/** What `throughline audit --follow` is asked. */
export interface FollowOptions {
  readonly table: TransitionTable
  /** How long a request may stay in a state that this service brought it to, in milliseconds; `Infinity` for ever. */
  readonly limitOf: (state: string, service: string) => number
  readonly format: 'table' | 'json' | 'ndjson'
  /** `gone` becomes true when nobody reads the output any more: that ends it too. */
  readonly io: Pick<Io, 'out' | 'err' | 'colour'> & { readonly gone?: boolean }
  /** Ends it: see {@link endSignal}. */
  readonly signal: AbortSignal
  /** Epoch milliseconds; by default the clock. */
  readonly now?: () => number
  /** Passes between two rounds over the files; by default 250 ms. */
  readonly wait?: () => Promise<unknown>
}

/**
 * `throughline audit --follow`: tells each request once when it is stuck and once when it moves on, and invalid lines as
 * they come, until the signal or the end of standard input.
 *
 * @returns 1 where something is stuck at the end or an invalid line was told, else 0
 * @throws ThroughlineError THROUGHLINE_USAGE for the format `json`, and what {@link tail} throws
 */
export async function followAudit(names: readonly string[], question: FollowOptions): Promise<ExitStatus> {
  const { table, limitOf, format, io, signal, now = Date.now, wait } = question
  if (format === 'json')
    throw new ThroughlineError(
      'THROUGHLINE_USAGE',
      '--format json is one object at the end, and --follow has none: say --format ndjson',
    )
  const audit = new LiveAudit({ table, limitOf })
  const ending = new AbortController()
  const end = (): void => ending.abort()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  const told = { invalid: false }
  const tell = (findings: readonly Finding[]): void => {
    for (const found of findings) {
      if (ending.signal.aborted) return
      told.invalid ||= found.finding === 'invalid'
      io.out(format === 'ndjson' ? `${JSON.stringify(found)}\n` : sentence(found, now(), io))
      // Who has gone away wants to know no more.
      if (io.gone === true) end()
    }
  }
  io.err(`throughline: watching ${names.map((name) => (name === STDIN ? 'standard input' : name)).join(', ')}\n`)
  // All that was written by then has been read when a round ends: what is younger accuses nobody.
  let begun = now()
  let latest = -Infinity
  const batches = tail(names, {
    signal: ending.signal,
    ...(wait === undefined ? {} : { wait }),
    onRound: () => (begun = now()),
    onWarning: (trouble) => io.err(`throughline: ${sanitizeForTerminal(trouble)}\n`),
  })
  for await (const entries of batches) {
    for (const entry of entries) {
      if (entry.kind === 'record') audit.add(entry.record, entry.file, entry.line)
      else if (entry.kind === 'damaged') audit.addPartial(entry.fragment)
    }
    if (entries.length > 0) tell(audit.drain())
    else {
      // While lines come their own times count: what comes late by a pipe is no older than its lines say.
      tell(audit.tick(audit.latest > latest ? Math.min(begun, audit.latest) : begun))
      latest = audit.latest
    }
  }
  if (!ending.signal.aborted) tell(audit.tick(now()))
  signal.removeEventListener('abort', end)
  return audit.stuck > 0 || told.invalid ? 1 : 0
}

/** A signal that is given when the process is told to end, the first time; `release` takes the handlers away again. */
export function endSignal(): { readonly signal: AbortSignal; readonly release: () => void } {
  const ending = new AbortController()
  const end = (): void => {
    release()
    ending.abort()
  }
  // Without a handler a second one ends the process at once.
  const release = (): void => {
    for (const name of ['SIGINT', 'SIGTERM']) process.off(name, end)
  }
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, end)
  return { signal: ending.signal, release }
}

/** A finding for a person, in one line. */
function sentence(found: Finding, time: number, { colour }: Pick<Io, 'colour'>): string {
  const paint = pc.createColors(colour)
  const [label, what, more] = wordsOf(found)
  const painted = { stuck: paint.red, moved_on: paint.green, invalid: paint.yellow }[found.finding](label.padEnd(8))
  const parts = [what, found.service, found.trace_id, found.request_id, more]
    .filter((part) => part !== '')
    .map(sanitizeForTerminal)
  return `${paint.dim(formatTime(time))}  ${painted}  ${parts.join('  ')}\n`
}

function wordsOf(found: Finding): readonly [label: string, what: string, more: string] {
  switch (found.finding) {
    case 'stuck': {
      const { state, age_ms, stuck_after_ms, last_error } = found
      const error = last_error === null ? '' : `${last_error.type}: ${last_error.message}`.slice(0, 60)
      return ['STUCK', `${state} for ${formatDuration(age_ms)}, limit ${formatDuration(stuck_after_ms)}`, error]
    }
    case 'moved_on':
      return ['MOVED ON', `${found.was} -> ${found.state} after ${formatDuration(found.stuck_for_ms)}`, '']
    case 'invalid':
      return ['INVALID', found.reason, `${found.file}:${String(found.line)}`]
  }
}
