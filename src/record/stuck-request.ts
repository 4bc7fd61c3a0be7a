import type { LoggedError } from './field-types.ts'

/** A request that has been in a state for longer than its threshold, as the audit and `tracker.stuck()` report it. */
export interface StuckRequest {
  readonly trace_id: string
  readonly request_id: string
  /** The service that entered the state. */
  readonly service: string
  readonly state: string
  /** When it entered the state, in epoch milliseconds. */
  readonly since: number
  readonly age_ms: number
  readonly stuck_after_ms: number
  /** Deliveries of its message so far. */
  readonly attempts: number
  readonly last_error: LoggedError | null
  /** When it was due, in epoch milliseconds, if it was meant to wait. */
  readonly due?: number
}
