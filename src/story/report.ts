/** One transition of a request. Times are epoch milliseconds, as logged. */
export interface StoryTransition {
  readonly seq: number
  readonly time: number
  readonly service: string
  readonly event: string | null
  readonly from: string | null
  readonly state: string
  readonly dwell_ms: number | null
  readonly attempt?: number
  readonly implied?: true
}

/** A note, a rejected signal or a stuck line. */
export interface StoryNote {
  readonly time: number
  readonly service: string
  readonly lifecycle: string
  readonly event: string
  readonly state: string
  readonly attempt?: number
  readonly error?: string
}

/** One request of the trace. */
export interface StoryRequest {
  readonly request_id: string
  /** The request id of the caller, if known. */
  readonly parent_id: string | null
  /** The service that received the request. */
  readonly service: string
  readonly method: string | null
  readonly path: string | null
  readonly state: string
  readonly outcome: string | null
  readonly status: number | null
  readonly error: string | null
  readonly transitions: readonly StoryTransition[]
  readonly notes: readonly StoryNote[]
  /** What is missing or invalid, one sentence each. */
  readonly gaps: readonly string[]
}

/** A log line of the application or of a third party. */
export interface StoryLine {
  readonly time: number
  readonly service: string
  readonly request_id: string | null
  /** As logged: one of pino's numbers, or a name. */
  readonly level: number | string | null
  readonly msg: string
}

/** The story of one trace: what `throughline story --format json` prints. */
export interface StoryReport {
  readonly trace_id: string
  readonly started: number
  readonly duration_ms: number
  /** In order of first appearance. */
  readonly services: readonly string[]
  /** A parent before its children, then by time. */
  readonly requests: readonly StoryRequest[]
  readonly lines: readonly StoryLine[]
}
