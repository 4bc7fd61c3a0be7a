import slowRedact from '@pinojs/redact'
import { badOption } from './options.ts'

/** The name with which a path begins: the part of a record that it is about. */
export function firstName(path: unknown): string | undefined {
  return typeof path === 'string' ? /^[^.[]*/.exec(path)?.[0] : undefined
}

const ERROR_PATHS: readonly string[] = ['error.message', 'error.type', 'error.*']

/**
 * Checks a path of the option `redact`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for anything but paths under `data` and `error`, and for a path that
 *   pino's library accepts and then masks nothing with
 */
export function checkPath(path: unknown): void {
  const name = firstName(path)
  if (typeof path !== 'string' || !(name === 'data' || ERROR_PATHS.includes(path)))
    throw badOption(
      'redact',
      `paths under "data", or "error.message"; "${String(path)}" is not: an audit needs the other fields`,
    )
  if (isApplied(path)) return
  const nearest = corrected(path)
  const hint = isApplied(nearest) ? `: did you mean ${quoted(nearest)}?` : ''
  throw badOption(
    'redact',
    `paths such as "data.card", "data.items[*].email" or 'data["a-b"]'; ${quoted(path)} cannot be applied${hint}`,
  )
}

/** Keys that need no quotes: those with other characters are most likely a mistake, such as a wildcard in a name. */
const NAME = String.raw`(?!\s)[^.[\]"'*?\\,]+(?<!\s)`
const BRACKETS = String.raw`\[(?:\*|0|[1-9]\d*|[A-Za-z_$][\w$-]*|"[^"]*"|'[^']*')\]`
const STEPS = new RegExp(String.raw`^[a-z]+((?:\.(?:\*|${NAME})|${BRACKETS})*)$`, 'u')
const STEP = new RegExp(String.raw`\.(${NAME}|\*)|${BRACKETS}`, 'gu')
const NAME_ALONE = new RegExp(`^${NAME}$`, 'u')

/**
 * Whether pino's library masks what a path means. It reads many paths otherwise, and quietly: the one way to know is to
 * let it mask an object that has the path.
 */
function isApplied(path: string): boolean {
  const steps = STEPS.exec(path)?.[1]
  if (steps === undefined) return false
  const keys = [...steps.matchAll(STEP)].map(([step]) => step.replace(/^\.|^\[["']?|["']?\]$/g, ''))
  const [kept, masked] = ['kept', 'masked']
  const data = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), kept)
  try {
    const redact = slowRedact({ paths: [path], censor: masked, serialize: false })
    return JSON.stringify(redact({ [firstName(path) ?? '']: data })).includes(`"${masked}"`)
  } catch {
    return false
  }
}

/** The path that was most likely meant; it may be none either. */
function corrected(path: string): string {
  return path
    .trim()
    .replace(/\?\./g, '.')
    .replace(/\.{2,}(?=[^"']*$)/g, '.')
    .replace(/\.$/, '')
    .replace(/\*{2,}/g, '*')
    .replace(/\[\s*\]/g, '[*]')
    .replace(/\.\[/g, '[')
    .replace(/\](?=[^.[\]])/g, '].')
    .replace(/\[\s*(["']?)(.*?)\1\s*\]/g, '[$1$2$1]')
    .replace(/\.(["'])([^"']*)\1/g, '[$1$2$1]')
    .replace(/\.([^.[\]"*]+)/g, (step, name: string) => {
      if (NAME_ALONE.test(name)) return step
      return NAME_ALONE.test(name.trim()) ? `.${name.trim()}` : `["${name}"]`
    })
}

function quoted(path: string): string {
  return path.includes('"') ? `'${path}'` : `"${path}"`
}
