/** One step of a request. Times are epoch milliseconds, as they were logged. */
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
  /** The caller's request, where known. */
  readonly parent_id: string | null
  /** The service in which it began. */
  readonly service: string
  readonly method: string | null
  readonly path: string | null
  readonly state: string
  readonly outcome: string | null
  readonly status: number | null
  readonly error: string | null
  readonly transitions: readonly StoryTransition[]
  readonly notes: readonly StoryNote[]
  /** What should be there and is not, in a sentence each. */
  readonly gaps: readonly string[]
}

/** A line of the application's own. */
export interface StoryLine {
  readonly time: number
  readonly service: string
  readonly request_id: string | null
  /** As it was logged: a number of pino's, or a name. */
  readonly level: number | string | null
  readonly msg: string
}

/** The story of one trace: what `throughline story --format json` prints. */
export interface StoryReport {
  readonly trace_id: string
  readonly started: number
  readonly duration_ms: number
  /** In the order in which they first appear. */
  readonly services: readonly string[]
  /** A parent before its children, then by time. */
  readonly requests: readonly StoryRequest[]
  readonly lines: readonly StoryLine[]
}
