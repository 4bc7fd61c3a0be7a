import type { LifecycleRecord } from '../../src/record/record.ts'

/** A request that never ends: it is stuck, or its process was killed. */
export interface OpenRequest {
  readonly trace_id: string
  readonly request_id: string
  /** The service that entered the state. */
  readonly service: string
  readonly state: string
  /** When it entered the state, in epoch milliseconds by the clock of that service. */
  readonly since: number
}

/** A trace to search for. */
export interface SampleTrace {
  readonly place: SamplePlace
  readonly trace_id: string
  /** The number of lines with its id, third-party and repeated ones included. */
  lines: number
}

/** The share of all requests that start before a sample trace does. */
export const SAMPLE_PLACES = { early: 0.05, middle: 0.5, late: 0.95 } as const

export type SamplePlace = keyof typeof SAMPLE_PLACES

/** The content of a generated log before damage, which an audit has to find. */
export interface ExpectedResults {
  bytes: number
  /** All lines, third-party and repeated ones included. */
  lines: number
  /** Without repeats. */
  transitions: number
  requests: number
  traces: number
  other_lines: number
  /** Lines that were written twice. */
  repeats: number
  /** Lines that were truncated, overwritten or joined with the next, third-party lines included. */
  damaged_lines: number
  /** Completions after the first one of a request. */
  duplicates: number
  /** How often each state was entered. */
  readonly entered: Record<string, number>
  /** All requests that never end, in the order in which they started. */
  readonly stuck: OpenRequest[]
  /** The time of the latest record. */
  end: number
  /** A time at which all of `stuck` exceed the thresholds of the default machine. */
  now: number
  readonly samples: SampleTrace[]
  /** The ids of the requests that lost a part of a line, each once: the log may show less of their progress. */
  readonly lossy_requests: string[]
}

const HOUR_MS = 3_600_000
const STATES = ['Received', 'Authenticated', 'Processing', 'Queued', 'Responded', 'Completed', 'Failed']

/** Collects the expected results while a log is generated. */
export class ExpectedCollector {
  readonly results: ExpectedResults = {
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
    now: HOUR_MS,
    samples: [],
    lossy_requests: [],
  }
  readonly #lossyRequests = new Set<string>()
  readonly #samples = new Map<string, SampleTrace>()

  addRecord({ lifecycle, state, time }: LifecycleRecord): void {
    const { results } = this
    if (time > results.end) {
      results.end = time
      results.now = time + HOUR_MS
    }
    if (lifecycle !== 'transition') return
    results.transitions += 1
    results.entered[state] = (results.entered[state] ?? 0) + 1
  }

  addStuck(request: OpenRequest): void {
    this.results.stuck.push(request)
  }

  /**
   * Counts a trace that starts, and takes it as a sample where one is due.
   *
   * @param totalRequests the number of requests that the whole log will have
   */
  addTrace(traceId: string, totalRequests: number): void {
    const { results } = this
    results.traces += 1
    for (const place of Object.keys(SAMPLE_PLACES) as SamplePlace[]) {
      if (
        results.samples.some((sample) => sample.place === place) ||
        results.requests < Math.floor(SAMPLE_PLACES[place] * totalRequests)
      )
        continue
      const sample = { place, trace_id: traceId, lines: 0 }
      results.samples.push(sample)
      this.#samples.set(traceId, sample)
      return
    }
  }

  /** Counts a line that has a trace id. */
  addTracedLine(traceId: string): void {
    const sample = this.#samples.get(traceId)
    if (sample !== undefined) sample.lines += 1
  }

  /** Notes that a part of a line of the request is lost. */
  addLoss(requestId: string): void {
    if (this.#lossyRequests.has(requestId)) return
    this.#lossyRequests.add(requestId)
    this.results.lossy_requests.push(requestId)
  }
}
