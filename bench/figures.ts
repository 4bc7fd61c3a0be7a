/** What processes tell each other: numbers by name. */
export type Figures = Readonly<Record<string, number>>

/** A number that is bound to be there. */
export function figure(figures: Figures, name: string): number {
  const found = figures[name]
  if (found === undefined) throw new Error(`no figure "${name}" among ${Object.keys(figures).join(', ')}`)
  return found
}

/** What was measured under a name, in all rounds of all processes: `name/0`, `name/1` and so on. */
export function roundsOf(processes: readonly Figures[], name: string): readonly number[] {
  const found = processes.flatMap((figures) => Object.entries(figures).flatMap(([key, value]) => (key.startsWith(`${name}/`) ? [value] : [])))
  if (found.length === 0) throw new Error(`there are no rounds of "${name}"`)
  return found
}

/** Checks that what came from another process is figures. */
export function figuresOf(value: unknown): Figures {
  if (typeof value !== 'object' || value === null) throw new TypeError('an answer has to be an object of numbers')
  return Object.fromEntries(
    Object.entries(value).map(([name, number]: [string, unknown]) => {
      if (typeof number !== 'number') throw new TypeError(`"${name}" of an answer is no number`)
      return [name, number]
    }),
  )
}
