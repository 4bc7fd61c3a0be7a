import type { StuckRequest } from '../record/stuck-request.ts'
import type { StuckLimit } from './stuck-thresholds.ts'

/** A line that the machine cannot have written. */
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

/** Lines that must have been written and are not there. */
export interface GapEntry {
  readonly trace_id: string
  readonly request_id: string
  readonly missing_seq: readonly number[]
}

/** Time spent in a state, in milliseconds; null where nothing has left it. */
export interface Dwell {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** What has been read, line by line. */
export interface LineCounts {
  readonly lines: number
  readonly other_lines: number
  readonly damaged_lines: number
}

/** What became of the requests that entered a state. */
export interface StateCounts {
  readonly entered: number
  readonly open: number
  readonly dwell_ms: Dwell
}

/** The same of those which one service brought there, and how long they may stay. */
export interface ServiceCounts extends StateCounts, StuckLimit {}

/** A request that was handed over by a message of which no worker has said anything. */
export interface UndeliveredRequest {
  readonly trace_id: string
  readonly request_id: string
  /** The service that handed it over, and when. */
  readonly service: string
  readonly since: number
  readonly age_ms: number
}

/** A way through the machine, and how many requests went it: states joined by ` > `. */
export interface PathCount {
  readonly path: string
  readonly requests: number
}

/** A step of the machine, and how often it was taken. */
export interface StepCount {
  readonly from: string
  readonly event: string
  readonly state: string
  readonly count: number
}

/** The answer of an audit: what `throughline audit --format json` prints. */
export interface AuditReport {
  readonly now: number
  readonly checked: LineCounts & { readonly transitions: number; readonly requests: number; readonly traces: number }
  readonly states: Readonly<
    Record<string, StateCounts & { readonly services: Readonly<Record<string, ServiceCounts>> }>
  >
  readonly stuck: readonly StuckRequest[]
  readonly invalid: readonly InvalidEntry[]
  readonly gaps: readonly GapEntry[]
  readonly duplicates: number
  /** Handed over, and nothing heard since, whether it is stuck by now or not. */
  readonly undelivered: readonly UndeliveredRequest[]
  /** How many requests took so many attempts, of those that were handed over. */
  readonly attempts: Readonly<Record<string, number>>
  /** The most frequent first; of the rarest beyond the 1,000 kinds of ways that are told, none. */
  readonly paths: readonly PathCount[]
  /** Every step that the machine knows, in its order. */
  readonly steps: readonly StepCount[]
}
