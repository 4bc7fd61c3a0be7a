import type { StuckRequest } from '../transition/stuck.ts'

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

/** The answer of an audit: what `throughline audit --format json` prints. */
export interface AuditReport {
  readonly now: number
  readonly checked: LineCounts & { readonly transitions: number; readonly requests: number; readonly traces: number }
  readonly states: Readonly<Record<string, { readonly entered: number; readonly open: number; readonly dwell_ms: Dwell }>>
  readonly stuck: readonly StuckRequest[]
  readonly invalid: readonly InvalidEntry[]
  readonly gaps: readonly GapEntry[]
  readonly duplicates: number
}
