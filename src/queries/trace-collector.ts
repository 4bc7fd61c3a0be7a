import { ThroughlineError } from '../errors.ts'
import { Histories } from '../history/history.ts'
import { progressOf } from '../history/trace-progress.ts'
import { tableOf } from '../machine/default-table.ts'
import type { MachineLike } from '../machine/machine-like.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { LocatedEntry } from '../logs/log-entry.ts'
import type { FoundEntry, TraceProgress } from '../logs/trace-search.ts'
import type { FieldNames } from '../story/foreign/field-names.ts'
import { foreignLines } from '../story/foreign/foreign-line.ts'
import type { StoryLine, StoryReport } from '../story/report.ts'
import { buildStory } from '../story/story.ts'
import { canonicalTraceId, isTraceId, w3cTraceId } from '../trace/trace-id.ts'

/** How a story is built. */
export interface StoryOptions {
  /** The machine that wrote the lines; by default `machines/request.ts`. */
  readonly machine?: MachineLike | undefined
  /** Field names of other loggers, which are tried before the usual ones: `{ trace_id: ['correlationId'] }`. */
  readonly fields?: FieldNames
}

/** Collects the entries of one trace, and builds its story. */
export class TraceCollector {
  readonly #traceId: string
  readonly #table: TransitionTable
  readonly #fields: FieldNames | undefined
  readonly #keys: ReadonlySet<string>
  readonly #histories = new Histories()
  readonly #lines: StoryLine[] = []

  /**
   * @throws ThroughlineError THROUGHLINE_USAGE if `traceId` is not a trace id
   * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
   */
  constructor(traceId: string, { machine, fields }: StoryOptions) {
    assertTraceId(traceId)
    this.#traceId = traceId
    this.#table = tableOf(machine)
    this.#fields = fields
    // A service that only received a traceparent logs the W3C trace-id.
    this.#keys = new Set([canonicalTraceId(traceId), w3cTraceId(traceId)])
  }

  /** How much of the trace is known so far. */
  get progress(): TraceProgress {
    return progressOf(this.#histories, this.#table)
  }

  /**
   * Collects the entries of the trace and skips all others.
   *
   * @returns its story; undefined if no entry belongs to the trace
   */
  async collect(batches: AsyncIterable<readonly (LocatedEntry | FoundEntry)[]>): Promise<StoryReport | undefined> {
    for await (const entries of batches) for (const entry of entries) this.#add(entry)
    return buildStory(this.#traceId, this.#histories, this.#lines, this.#table)
  }

  #add(entry: LocatedEntry | FoundEntry): void {
    if (entry.kind === 'record') {
      if (this.#keys.has(canonicalTraceId(entry.record.trace_id)))
        this.#histories.add(entry.record, entry.file, 'line' in entry ? entry.line : entry.offset)
    } else if (entry.kind === 'other' && entry.fields !== undefined) {
      for (const { traceId, line } of foreignLines(entry.fields, this.#fields))
        if (this.#keys.has(canonicalTraceId(traceId))) this.#lines.push(line)
    }
  }
}

/** @throws ThroughlineError THROUGHLINE_USAGE for what is not a trace id: before a source is opened */
export function assertTraceId(traceId: string): void {
  const valid: boolean = isTraceId(traceId)
  if (valid) return
  throw new ThroughlineError(
    'THROUGHLINE_USAGE',
    `"${traceId}" is not a trace id: pass a UUID, its 32 hex digits, or the X-Trace-ID that was sent`,
  )
}
