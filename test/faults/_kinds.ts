/** What becomes of a request of the load, by the first part of its path. */
export const KINDS = [
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
export type Kind = (typeof KINDS)[number]

/** Those that a message hands over to the worker. */
export function isJob(kind: Kind): boolean {
  return kind.startsWith('job')
}
