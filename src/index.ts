export { ERROR_CODES, ThroughlineError, type ErrorCode } from './errors.ts'
export type { PrincipalOf } from './handlers/entry.ts'
export type { FetchHandler, FetchHandlerOptions } from './handlers/fetch-handler.ts'
export type { WorkOptions } from './handlers/function-handler.ts'
export type { NodeHandler, NodeHandlerOptions } from './handlers/node-handler.ts'
export type { HandlerOptions } from './handlers/handler-options.ts'
export { createTracker, trackRequest, type TrackerSource } from './handlers/track-request.ts'
export type { StuckAfter, Tracker, WatchOptions } from './handlers/tracker.ts'
export type { UpgradeHandler } from './handlers/upgrade-handler.ts'
export type { TrackRequest } from './handlers/wrap-handler.ts'
// eslint-disable-next-line @typescript-eslint/no-deprecated -- it tells those who import it what to import
export { propagate } from './handlers/wrong-import.ts'
export { compile } from './machine/compile.ts'
export type { MachineLike } from './machine/machine-like.ts'
export { step, type Edge, type EventInfo, type StateInfo, type TransitionTable } from './machine/table.ts'
export type {
  CallRecord,
  LifecycleRecord,
  LoggedError,
  NoteRecord,
  Outcome,
  Sink,
  TransitionRecord,
} from './record/record.ts'
export type { StuckRequest } from './record/stuck-request.ts'
export { lineFields, type LineFields } from './sinks/line-fields.ts'
export { memorySink } from './sinks/memory.ts'
export { pinoSink } from './sinks/pino.ts'
export type { PinoLogger } from './sinks/pino-internals.ts'
export type { Durability } from './sinks/stdout.ts'
export type { Carrier } from './trace/carrier.ts'
export { withSqlComment } from './trace/sql-comment.ts'
export { w3cTraceId } from './trace/trace-id.ts'
export { currentRequest, currentTraceId } from './tracking/current-request.ts'
export type { ResumeOptions, StartOptions } from './tracking/intake.ts'
export type { IdHeaderOptions } from './tracking/id-headers.ts'
export type { RedactOption, RedactOptions } from './tracking/redaction.ts'
export type { TrackerOptions } from './tracking/settings.ts'
export { traceMixin, type TraceStamp } from './tracking/trace-mixin.ts'
export type { TrackedRequest } from './tracking/tracked-request.ts'
export type { TrackerStats } from './tracking/tracker-core.ts'
