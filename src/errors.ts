/**
 * Every error that throughline throws on purpose, by code. A code is never reused. docs/errors.md lists the same codes,
 * and a test compares the two.
 */
export const ERROR_CODES = {
  THROUGHLINE_MACHINE_UNSUPPORTED: 'The machine uses something that cannot be checked from a log.',
  THROUGHLINE_MACHINE_NOT_FOUND: 'The file exports no XState machine.',
  THROUGHLINE_INVALID_TRANSITION: "The event is not accepted in the request's state, and onInvalid is 'throw'.",
  THROUGHLINE_BAD_OPTION: 'An option has an invalid value.',
  THROUGHLINE_HOST_UNSUPPORTED: 'The version of a host is too old for its adapter.',
  THROUGHLINE_BAD_DURATION: 'The value is not a duration such as 250ms, 30s, 15m, 2h or 1d.',
  THROUGHLINE_BAD_TIME: 'The value is neither ISO 8601 nor epoch milliseconds.',
  THROUGHLINE_BAD_STATE: 'The machine has no such state.',
  THROUGHLINE_LOG_UNREADABLE: 'A log file is missing, is a folder, or cannot be read.',
  THROUGHLINE_LOKI_UNREACHABLE: 'Loki did not answer after several attempts.',
  THROUGHLINE_LOKI_REFUSED: 'Loki refused a query, or the server is not Loki.',
  THROUGHLINE_USAGE: 'The command was called with invalid flags or arguments.',
} as const

/** One of the stable codes in {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** An error with a stable `code`. The message says what is wrong and how to fix it. */
export class ThroughlineError extends Error {
  override readonly name = 'ThroughlineError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
