/** How the load's requests behave. The first part of the path names the kind. */
export const REQUEST_KINDS = [
  'quick',
  'large',
  'late',
  'slow',
  'never',
  'throws',
  'job',
  'job-late',
  'job-throws',
  'job-never',
] as const
export type RequestKind = (typeof REQUEST_KINDS)[number]

/** True for a request that a message hands off to the worker. */
export function isJob(kind: RequestKind): boolean {
  return kind.startsWith('job')
}

/** The kind in the trace id of a request: the load builds ids from the kind and a number. */
export function kindOf(traceId: string): RequestKind {
  // Only the load's own ids come here.
  return traceId.slice(0, traceId.indexOf('.')) as RequestKind
}
