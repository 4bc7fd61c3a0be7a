/**
 * How long anything may take that a test waits for, in milliseconds: more than it needs on a machine that is ten times
 * slower, and less than the runner gives a test, so that what was expected is told.
 */
export const SOON = 60_000
