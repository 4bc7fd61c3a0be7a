import { LiveAudit, type Finding, type LiveSnapshot } from '../audit/live/live-audit.ts'
import { parseStuckThresholds } from '../audit/stuck-thresholds.ts'
import { ThroughlineError } from '../errors.ts'
import { tail } from '../logs/tail/tail.ts'
import { tableOf } from '../machine/default-table.ts'
import type { MachineLike } from '../machine/machine-like.ts'

/** How logs are followed. */
export interface FollowOptions {
  /** The machine that writes the lines; by default `machines/request.ts`. */
  readonly machine?: MachineLike | undefined
  /** Thresholds as for `--stuck-after`: `'30s'`, `'Queued=15m'`. By default the machine's `meta.stuckAfter`. */
  readonly stuckAfter?: readonly string[]
  /** Ends the findings. */
  readonly signal: AbortSignal
  /** Epoch milliseconds; by default the clock. */
  readonly now?: () => number
  /** Resolves when the files are to be read again; by default after 250 ms. */
  readonly wait?: () => Promise<unknown>
  /** Called once for each file that does not exist yet, that cannot be read at present, or that is corrupted. */
  readonly onWarning?: (sentence: string) => void
}

/**
 * A live audit over logs as they are written.
 *
 * @example
 * const audit = new FollowedAudit(['logs/*.ndjson'], { signal })
 * for await (const finding of audit.findings()) console.log(finding)
 */
export class FollowedAudit {
  readonly #names: readonly string[]
  readonly #options: FollowOptions
  readonly #audit: LiveAudit
  readonly #now: () => number

  /**
   * @param names files, which need not exist yet; globs, which are looked up repeatedly; `-` for standard input
   * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for an invalid threshold
   * @throws ThroughlineError THROUGHLINE_USAGE for the threshold `auto`
   * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
   */
  constructor(names: readonly string[], options: FollowOptions) {
    const table = tableOf(options.machine)
    const { auto, states } = parseStuckThresholds(table, options.stuckAfter)
    if (auto) {
      throw new ThroughlineError(
        'THROUGHLINE_USAGE',
        '--stuck-after auto needs a complete log, and --follow reads one that grows: give a duration, such as 30s',
      )
    }
    this.#names = names
    this.#options = options
    this.#now = options.now ?? Date.now
    const limitOf = (state: string): number => states.get(state)?.stuck_after_ms ?? Infinity
    this.#audit = new LiveAudit({ table, limitOf })
  }

  /** How many requests were reported as stuck and have not moved on. */
  get stuck(): number {
    return this.#audit.stuck
  }

  /** The present state of the audit, at the current time. */
  snapshot(): LiveSnapshot {
    return this.#audit.snapshot(this.#now())
  }

  /**
   * Yields each finding once: a request when it is stuck, when it moves on again, and an invalid line. It ends by the
   * signal, or at the end of standard input if that is the only name. Call it once.
   *
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a folder, or if standard input cannot be read
   */
  async *findings(): AsyncGenerator<Finding> {
    for await (const findings of this.#rounds()) {
      for (const finding of findings) {
        if (this.#options.signal.aborted) return
        yield finding
      }
    }
  }

  async *#rounds(): AsyncGenerator<Finding[]> {
    const audit = this.#audit
    // At its end, a round has read all lines that were written before its start. Ages are measured at that time, so
    // that an unread line cannot make a request look stuck.
    let roundStart = this.#now()
    let latest = -Infinity
    const batches = tail(this.#names, { ...this.#options, onRound: () => (roundStart = this.#now()) })
    for await (const entries of batches) {
      for (const entry of entries) {
        if (entry.kind === 'record') audit.add(entry.record, entry.file, entry.line)
        else if (entry.kind === 'damaged') audit.addPartial(entry.fragment)
      }
      if (entries.length > 0) yield audit.drain()
      else {
        // While lines arrive, the time of the latest line counts, so a request in a delayed pipe does not look stuck.
        yield audit.tick(audit.latest > latest ? Math.min(roundStart, audit.latest) : roundStart)
        latest = audit.latest
      }
    }
    if (!this.#options.signal.aborted) yield audit.tick(this.#now())
  }
}
