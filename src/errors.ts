/**
 * Every error that throughline raises on purpose, by code. A code is never re-used: docs/errors.md
 * lists them, and a test compares the two.
 */
export const ERROR_CODES = {
  THROUGHLINE_MACHINE_UNSUPPORTED: 'The machine uses something that a log cannot be checked against.',
  THROUGHLINE_MACHINE_NOT_FOUND: 'The file exports no XState machine.',
  THROUGHLINE_INVALID_TRANSITION: "The event is not accepted in the request's state, and onInvalid is 'throw'.",
  THROUGHLINE_BAD_OPTION: 'An option has a value that cannot be used.',
  THROUGHLINE_BAD_DURATION: 'The text is not a duration such as 250ms, 30s, 15m, 2h or 1d.',
  THROUGHLINE_BAD_TIME: 'The text is neither ISO 8601 nor epoch milliseconds.',
  THROUGHLINE_BAD_STATE: 'The machine has no such state.',
  THROUGHLINE_LOG_UNREADABLE: 'A log file is missing, a folder, or cannot be read.',
  THROUGHLINE_LOKI_UNREACHABLE: 'Loki gave no answer, in several tries.',
  THROUGHLINE_LOKI_REFUSED: 'Loki refused a query, or what answered is no Loki.',
  THROUGHLINE_USAGE: 'The command was called with flags or arguments that do not fit.',
} as const

/** One of the stable codes in {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** An error with a stable `code`, whose message names what is wrong and how to mend it. */
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
