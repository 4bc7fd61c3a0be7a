import type { LifecycleRecord } from '../../src/record/record.ts'

/** A request that never ends: it hangs, or its process was killed. */
export interface OpenRequest {
  readonly trace_id: string
  readonly request_id: string
  /** The service that entered the state. */
  readonly service: string
  readonly state: string
  /** When it entered the state, in epoch milliseconds by the clock of that service. */
  readonly since: number
}

/** A trace to look for. */
export interface SampleTrace {
  readonly place: SamplePlace
  readonly trace_id: string
  /** Lines with its id, of ours and of the application's, repeated ones included. */
  lines: number
}

/** Where in the log a trace begins, and how much of the requests have begun before it. */
export const SAMPLE_PLACES = { early: 0.05, middle: 0.5, late: 0.95 } as const

export type SamplePlace = keyof typeof SAMPLE_PLACES

/** What a log holds, as its maker knows it: what was written, before any of it was damaged. */
export interface Truth {
  bytes: number
  /** All lines, with those of others and repeated ones. */
  lines: number
  /** Each once, however often it is repeated. */
  transitions: number
  requests: number
  traces: number
  other_lines: number
  /** Lines that were written again. */
  repeats: number
  /** Lines of ours or of others that were cut, overwritten or joined with the next. */
  damaged_lines: number
  /** Completions after the first one. */
  duplicates: number
  /** How often each state was entered. */
  readonly entered: Record<string, number>
  /** All that never end, in the order in which they began. */
  readonly stuck: OpenRequest[]
  /** The time of the latest record. */
  end: number
  /** A moment at which all of `stuck` have been in their state for longer than the default machine allows. */
  now: number
  readonly sample: SampleTrace[]
  /** The ids of requests of which a line was cut or overwritten, each once: what the log still tells of them may be less. */
  readonly touched: string[]
}

const HOUR = 3_600_000
const STATES = ['Received', 'Authenticated', 'Processing', 'Queued', 'Responded', 'Completed', 'Failed']

/** Counts what is told and what is written. */
export class TruthKeeper {
  readonly truth: Truth = {
    bytes: 0,
    lines: 0,
    transitions: 0,
    requests: 0,
    traces: 0,
    other_lines: 0,
    repeats: 0,
    damaged_lines: 0,
    duplicates: 0,
    entered: Object.fromEntries(STATES.map((state) => [state, 0])),
    stuck: [],
    end: 0,
    now: HOUR,
    sample: [],
    touched: [],
  }
  readonly #touched = new Set<string>()
  readonly #samples = new Map<string, SampleTrace>()

  record({ lifecycle, state, time }: LifecycleRecord): void {
    const { truth } = this
    if (time > truth.end) {
      truth.end = time
      truth.now = time + HOUR
    }
    if (lifecycle !== 'transition') return
    truth.transitions += 1
    truth.entered[state] = (truth.entered[state] ?? 0) + 1
  }

  open(request: OpenRequest): void {
    this.truth.stuck.push(request)
  }

  /** A trace begins, when so many of all requests have begun. */
  trace(traceId: string, requests: number): void {
    this.truth.traces += 1
    for (const place of Object.keys(SAMPLE_PLACES) as SamplePlace[]) {
      if (this.truth.sample.some((sample) => sample.place === place) || this.truth.requests < Math.floor(SAMPLE_PLACES[place] * requests)) continue
      const sample = { place, trace_id: traceId, lines: 0 }
      this.truth.sample.push(sample)
      this.#samples.set(traceId, sample)
      return
    }
  }

  /** A line with a trace's id is written. */
  traced(traceId: string): void {
    const sample = this.#samples.get(traceId)
    if (sample !== undefined) sample.lines += 1
  }

  /** Something of a line of ours is lost. */
  lost(requestId: string): void {
    if (this.#touched.has(requestId)) return
    this.#touched.add(requestId)
    this.truth.touched.push(requestId)
  }
}
