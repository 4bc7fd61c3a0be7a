import { parseFiniteDuration } from '../machine/duration.ts'
import { badOption, badOptions, type OptionNames } from '../tracking/options.ts'
import type { EntryOptions } from './entry.ts'
import type { RequestOptions } from './request-options.ts'

/** What the wrapper of a handler takes besides the tracker's options. */
export interface HandlerOptions<Source> extends EntryOptions<Source>, RequestOptions<Source> {}

/** The names of {@link HandlerOptions}. */
export const HANDLER_OPTIONS: OptionNames<HandlerOptions<never>> = {
  authenticate: true,
  auth: true,
  processing: true,
  expect: true,
  ignore: true,
  path: true,
  fields: true,
}

/** An option's value is not known in a program in JavaScript. */
type Untyped<Options> = { readonly [Name in keyof Options]?: unknown }

/**
 * Checks the values of a handler's options, as far as they are given.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION
 */
export function checkHandlerOptions(given: object): void {
  // Any object may have these properties.
  const options: Untyped<HandlerOptions<never>> = given
  for (const name of ['authenticate', 'ignore', 'fields'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'function') throw badOption(name, 'a function')
  for (const name of ['auth', 'processing'] as const)
    if (options[name] !== undefined && options[name] !== 'manual') throw badOption(name, "'manual', or left out")
  if (options.expect !== undefined && typeof options.expect !== 'function') checkDuration(options.expect)
  if (options.path !== undefined && !['string', 'function'].includes(typeof options.path))
    throw badOption('path', 'a text, or a function that returns one')
  if (options.authenticate !== undefined && options.auth !== undefined)
    throw badOptions(
      'option "authenticate" would not be called with auth: \'manual\', which leaves authentication to the handler: ' +
        'leave one of them out',
    )
}

function checkDuration(expected: unknown): void {
  try {
    parseFiniteDuration(expected)
  } catch {
    throw badOption(
      'expect',
      "a duration of at most a hundred years, such as '2h' or milliseconds, or a function that returns one",
    )
  }
}
