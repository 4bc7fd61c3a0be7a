/**
 * Milliseconds that a test waits for a single event. Enough on a machine that is ten times slower, and less than the
 * runner's own limit, so that the failure names the missing event.
 */
export const SOON = 60_000
