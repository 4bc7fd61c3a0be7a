import { ThroughlineError } from '../errors.ts'

/** The names of all options of a kind: one that is missing here is a type error, as is one that does not exist. */
export type OptionNames<Options> = Readonly<Record<keyof Options & string, true>>

type Names = Readonly<Record<string, true>>

/** The error for an option that cannot be used, which says what the option must be. */
export function badOption(option: string, expected: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_BAD_OPTION', `option "${option}" must be ${expected}`)
}

/** The error for options that contradict each other, or for a call that cannot be meant. */
export function badOptions(reason: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_BAD_OPTION', reason)
}

/**
 * Refuses options that do not exist: a misspelt one would silently do nothing.
 *
 * @param of what the options are given to, such as `createTracker()`
 * @param elsewhere the options of another function, which are refused with its name
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, with the nearest name that exists
 */
export function checkNames(
  options: object,
  of: string,
  kinds: readonly Names[],
  elsewhere?: { readonly names: readonly Names[]; readonly of: string },
): void {
  // A program in JavaScript may pass anything.
  if (typeof options !== 'object' || (options as object | null) === null)
    throw badOptions(`the options of ${of} must be an object`)
  for (const name of Object.keys(options)) {
    if (isKnown(kinds, name)) continue
    const start = `option "${name}" of ${of} does not exist`
    if (elsewhere !== undefined && isKnown(elsewhere.names, name))
      throw badOptions(`${start}: it is an option of ${elsewhere.of}`)
    const known = kinds.flatMap((names) => Object.keys(names))
    const nearest = nearestName(name, known)
    throw badOptions(
      nearest === undefined
        ? `${start}; it takes ${[...new Set(known)].join(', ') || 'none'}`
        : `${start}: did you mean "${nearest}"?`,
    )
  }
}

function isKnown(kinds: readonly Names[], name: string): boolean {
  return kinds.some((names) => Object.hasOwn(names, name))
}

/** The name that a misspelt one most likely stands for; undefined if none is near. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  const typed = name.toLowerCase()
  const limit = Math.max(1, Math.floor(Math.max(typed.length, 3) * 0.4))
  let [nearest, least]: [string | undefined, number] = [undefined, limit + 1]
  for (const candidate of known) {
    const edits = editDistance(typed, candidate.toLowerCase())
    if (edits < least) [nearest, least] = [candidate, edits]
  }
  return nearest
}

/** How many insertions, deletions and replacements of a character turn one text into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of from.split('').entries()) {
    const next = [index + 1]
    for (let at = 1; at <= to.length; at += 1) {
      const replaced = (row[at - 1] ?? 0) + (letter === to[at - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
