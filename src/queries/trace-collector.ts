import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { ThroughlineError } from '../errors.ts'
import { Histories } from '../history/history.ts'
import { progressOf } from '../history/trace-progress.ts'
import { compile } from '../machine/compile.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { FoundEntry, TraceProgress } from '../logs/search/find-trace.ts'
import type { LocatedEntry } from '../logs/log-entry.ts'
import type { FieldNames } from '../story/foreign/field-names.ts'
import { foreignLines } from '../story/foreign/foreign-line.ts'
import type { StoryLine, StoryReport } from '../story/report.ts'
import { buildStory } from '../story/story.ts'
import { canonicalTraceId, isTraceId, w3cTraceId } from '../trace/trace-id.ts'

/** How a story is told. */
export interface StoryOptions {
  /** The machine that wrote the lines: the default one unless told. */
  readonly machine?: AnyStateMachine
  /** Where other loggers put what a story wants to know, looked at before the usual names: `{ trace_id: ['correlationId'] }`. */
  readonly fields?: FieldNames
}

/** What entries tell of one trace, gathered until its story can be told. */
export class TraceCollector {
  readonly #traceId: string
  readonly #table: TransitionTable
  readonly #fields: FieldNames | undefined
  readonly #keys: ReadonlySet<string>
  readonly #histories = new Histories()
  readonly #lines: StoryLine[] = []

  /**
   * @throws ThroughlineError THROUGHLINE_USAGE for what is no trace id
   * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED where a log cannot be checked against the machine
   */
  constructor(traceId: string, { machine = requestMachine, fields }: StoryOptions) {
    const valid: boolean = isTraceId(traceId)
    if (!valid) {
      throw new ThroughlineError(
        'THROUGHLINE_USAGE',
        `"${traceId}" is no trace id: give a UUID, its 32 hex digits, or the X-Trace-ID that was sent`,
      )
    }
    this.#traceId = traceId
    this.#table = compile(machine)
    this.#fields = fields
    // A service that only saw a traceparent knows the trace by its 128 bits.
    this.#keys = new Set([canonicalTraceId(traceId), w3cTraceId(traceId)])
  }

  /** How much of the trace is known by now. */
  get progress(): TraceProgress {
    return progressOf(this.#histories, this.#table)
  }

  /**
   * Takes all entries of the trace; those of others are passed over.
   *
   * @returns its story; undefined where no entry is of this trace
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
