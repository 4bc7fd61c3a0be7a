import type { LogEntry } from './parse-line.ts'

/** An entry that may belong to a trace, with the offset of its line's first byte in the uncompressed log. */
export type FoundEntry = LogEntry & { readonly file: string; readonly offset: number }

/**
 * How much of a trace is known: `over` if everything found so far has ended; `open` if more lines must follow;
 * `unknown` if nothing has been found yet, or if lines are missing that may be anywhere.
 */
export type TraceProgress = 'unknown' | 'open' | 'over'

/** How much of the logs was searched. */
export interface Searched {
  /** Bytes that were searched, uncompressed. */
  readonly bytes: number
  /** All bytes of the logs. */
  readonly total: number
  /** The time in epoch milliseconds at which the search started, if a part of the logs was skipped. */
  readonly from?: number
}

/** How a trace is searched for. */
export interface TraceSearchOptions {
  /** Searches everything, even if the id contains the time at which the trace began. */
  readonly full?: boolean
  /** The maximum difference between two clocks in milliseconds; by default {@link DEFAULT_SKEW_MS}. */
  readonly skewMs?: number
  /** Assesses the entries yielded so far. Without it everything is searched. */
  readonly progress?: () => TraceProgress
  /** Called once, at the end of the search. */
  readonly onSearched?: (searched: Searched) => void
}

/** By how much two clocks may differ: those that put the time into ids, and those that stamp lines. */
export const DEFAULT_SKEW_MS = 300_000
