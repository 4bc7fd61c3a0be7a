import slowRedact from '@pinojs/redact'
import type { ErrorReporter } from './error-reporter.ts'
import { isThenable } from './promises.ts'
import { badOption, checkNames, type OptionNames } from './options.ts'
import { checkPath, firstName } from './redact-paths.ts'

/** What is masked in every record, as in pino: paths, or paths and what replaces their values. */
export type RedactOption = readonly string[] | RedactOptions

/** {@link RedactOption} as an object. */
export interface RedactOptions {
  /** `'error.message'`, `'error.type'`, `'data'`, and paths below it: `'data.card'`, `'data.items[*].email'`. */
  readonly paths: readonly string[]
  /**
   * What replaces a value, or a function that returns it.
   *
   * @default '[Redacted]'
   */
  readonly censor?: string | CensorFunction
}

type CensorFunction = (value: unknown, path: readonly string[]) => unknown

const REDACT_OPTIONS: OptionNames<RedactOptions> = { paths: true, censor: true }

/** An error before it is truncated. */
export interface ErrorText {
  readonly type: string
  readonly message: string
}

/** Masks the parts of a record that the application fills. Each part is missing if none of its paths is redacted. */
export interface Redaction {
  /** Gets a copy, and may change it. */
  readonly data?: (copy: unknown) => unknown
  readonly error?: (error: ErrorText) => ErrorText
}

const CENSOR = '[Redacted]'

/**
 * Parses the option. If a censor function throws, that is reported, and the whole part is masked.
 *
 * @returns undefined if nothing is redacted
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for anything but paths under `data` and `error` that mask something
 */
export function parseRedaction(option: RedactOption | undefined, errors: ErrorReporter): Redaction | undefined {
  if (option === undefined) return undefined
  const options: RedactOptions = isList(option) ? { paths: option } : option
  checkNames(options, 'redact', [REDACT_OPTIONS])
  const { paths, censor = CENSOR } = options
  if (!isList(paths)) throw badOption('redact', "a list of paths, such as ['data.card', 'error.message']")
  if (typeof censor !== 'string' && typeof censor !== 'function')
    throw badOption('redact.censor', 'a text, or a function that returns what is logged')
  const masker = (part: 'data' | 'error'): ((value: object) => Record<string, unknown>) | undefined => {
    const own = paths.filter((path) => firstName(path) === part)
    if (own.length === 0) return undefined
    // pino's own: it masks a copy. Its types lack the second argument of a censor.
    const redact = slowRedact({
      paths: own,
      censor: typeof censor === 'string' ? censor : guarded(censor),
      serialize: false,
    })
    return (value) => redact(value) as Record<string, unknown>
  }
  /** A promise is no value to log, and its rejection would end the process. */
  const guarded = (mask: CensorFunction) =>
    ((value: unknown, path: readonly string[]) => {
      const masked = mask(value, path)
      if (!isThenable(masked)) return masked
      errors.watch(masked)
      errors.report(new TypeError('redact.censor() must return what is logged, and not a promise'))
      return CENSOR
    }) as (value: unknown) => unknown
  for (const path of paths) checkPath(path)
  const [maskData, maskError] = [masker('data'), masker('error')]
  return Object.freeze({
    ...(maskData === undefined ? {} : { data: (copy) => errors.run(() => maskData({ data: copy }).data) ?? CENSOR }),
    ...(maskError === undefined
      ? {}
      : { error: (error) => errors.run(() => errorText(maskError({ error }).error)) ?? { ...error, message: CENSOR } }),
  } satisfies Redaction)
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

/** What a censor function returned may be anything. */
function errorText(masked: unknown): ErrorText {
  const { type, message } = masked as Readonly<Record<keyof ErrorText, unknown>>
  return { type: String(type), message: String(message) }
}
