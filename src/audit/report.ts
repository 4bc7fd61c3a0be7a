import type { StuckRequest } from '../record/stuck-request.ts'
import type { Dwell } from './dwell-histogram.ts'
import type { StuckLimit } from './stuck-thresholds.ts'

export type { Dwell }

/** A stuck request, with what its own lines say of the cause. */
export interface StuckEntry extends StuckRequest {
  /** `'shutdown'` if its process noted that it shut down, and no worker has received it since; null if nothing is known. */
  readonly cause: 'shutdown' | null
}

/** A line that no run of the machine writes. */
export interface InvalidEntry {
  readonly trace_id: string
  readonly request_id: string
  readonly service: string
  readonly seq: number
  readonly from: string | null
  readonly event: string | null
  readonly state: string
  readonly reason: string
  readonly file: string
  readonly line: number
}

/** Lines that must have been written and are missing. */
export interface GapEntry {
  readonly trace_id: string
  readonly request_id: string
  readonly missing_seq: readonly number[]
}

/** How many lines were read, and how many of them were no lifecycle lines. */
export interface LineCounts {
  readonly lines: number
  readonly other_lines: number
  readonly damaged_lines: number
}

/** The requests that entered a state, those that are still in it, and the time that they spent there. */
export interface StateCounts {
  readonly entered: number
  readonly open: number
  readonly dwell_ms: Dwell
  /**
   * How many visits of the state ended with a step that the handler did not report: it was added to reach a later
   * state, so their times are no measurement. Absent where there are none.
   */
  readonly implied?: number
  /**
   * In a state of a queue: how long messages waited for each delivery, and how long a worker had them. Absent where no
   * delivery is known.
   */
  readonly waiting_ms?: Dwell
  readonly working_ms?: Dwell
}

/** The same for the requests that one service moved there, with the threshold. */
export interface ServiceCounts extends StateCounts, StuckLimit {}

/** A request that was handed off by a message, without a line of a worker since. */
export interface UndeliveredRequest {
  readonly trace_id: string
  readonly request_id: string
  /** The service that handed it off, and when. */
  readonly service: string
  readonly since: number
  readonly age_ms: number
}

/** A path through the machine, its states joined by ` > `, and how many requests took it. */
export interface PathCount {
  readonly path: string
  readonly requests: number
}

/** A transition of the machine, and how often it was taken. */
export interface StepCount {
  readonly from: string
  readonly event: string
  readonly state: string
  readonly count: number
}

/** A call that left no line in the logs. */
export interface LostCall {
  readonly trace_id: string
  /** The request that sent it. */
  readonly request_id: string
  /** The attempt that sent it, if the request was resumed. */
  readonly attempt?: number
  readonly service: string
  /** Its number, and how many calls the request or the attempt has sent. */
  readonly call: number
  readonly of: number
}

/** The numbered calls of requests whose last line, or whose hand-off, is in the logs. */
export interface CallCounts {
  readonly sent: number
  /** Those of which no line is in the logs: a hop was lost, or the service that it reached does not log. */
  readonly lost: number
}

/** What an audit with `calls` says about them. */
export interface CallReport extends CallCounts {
  /** Calls that were given up, because more than a million were not matched at the same time. */
  readonly undecided: number
  /** By the service that sent them. */
  readonly services: Readonly<Record<string, CallCounts & { readonly examples: readonly LostCall[] }>>
}

/** The report of an audit: what `throughline audit --format json` prints. */
export interface AuditReport {
  readonly now: number
  readonly checked: LineCounts & { readonly transitions: number; readonly requests: number; readonly traces: number }
  readonly states: Readonly<
    Record<string, StateCounts & { readonly services: Readonly<Record<string, ServiceCounts>> }>
  >
  readonly stuck: readonly StuckEntry[]
  readonly invalid: readonly InvalidEntry[]
  readonly gaps: readonly GapEntry[]
  readonly duplicates: number
  /** Handed off, without a line since, whether stuck yet or not. */
  readonly undelivered: readonly UndeliveredRequest[]
  /** The number of requests by number of attempts, of those that were handed off. */
  readonly attempts: Readonly<Record<string, number>>
  /** At most 1,000 paths, the most frequent first. */
  readonly paths: readonly PathCount[]
  /** Every transition of the machine, in its order. */
  readonly steps: readonly StepCount[]
  /** Only with the option `calls`. */
  readonly calls?: CallReport
}
