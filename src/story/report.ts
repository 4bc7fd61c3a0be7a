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
  /** When it is due, in epoch milliseconds, if it is meant to wait. */
  readonly due?: number
  /** Of the end of a queued request: for how long the worker had the message. */
  readonly worked_ms?: number
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
  readonly due?: number
  /** Of ATTEMPT: for how long the message waited for this delivery. */
  readonly waited_ms?: number
  /** Of RETRY: for how long the worker had the message. */
  readonly worked_ms?: number
  /** What a note `CALL` says of its call. */
  readonly call?: StoryCall
}

/** A call that the tracker of its caller has logged. */
export interface StoryCall {
  readonly call: number
  /** The host, the queue or the service of an rpc. */
  readonly target: string
  readonly method: string | null
  readonly path: string | null
  readonly outcome: string | null
  readonly status: number | null
  /** How long the caller waited. */
  readonly duration_ms: number | null
}

/** The calls that a request, or one attempt of it, has sent. */
export interface StoryCalls {
  /** Absent for the calls of a request that was not resumed. */
  readonly attempt?: number
  readonly sent: number
  /** The numbers of the calls of which no line is in the logs. */
  readonly missing: readonly number[]
}

/** One request of the trace. */
export interface StoryRequest {
  readonly request_id: string
  /** The request id of the caller; if it is not in the story, the parent id that was received. */
  readonly parent_id: string | null
  /** Which of the caller's calls has begun it: 1, 2 … within the caller's request or attempt, if they are numbered. */
  readonly call: number | null
  /** The attempt of the caller that sent the call, if the caller was resumed. */
  readonly call_attempt?: number
  /** How long the caller waited, if its tracker logs calls. */
  readonly waited_ms: number | null
  /** The service that received the request. */
  readonly service: string
  readonly method: string | null
  readonly path: string | null
  readonly state: string
  readonly outcome: string | null
  readonly status: number | null
  /** How long the service that ended it has worked on it. */
  readonly duration_ms: number | null
  readonly error: string | null
  /** Its own calls; empty if it sent none, or has not ended in the logs. */
  readonly calls: readonly StoryCalls[]
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
