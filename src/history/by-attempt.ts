/** Lines by the number of their attempt, in their order; those without one are left out. */
export function byAttempt<Line extends { readonly attempt?: number | undefined }>(
  lines: readonly Line[],
): ReadonlyMap<number, Line[]> {
  const groups = new Map<number, Line[]>()
  for (const line of lines) {
    if (line.attempt === undefined) continue
    const group = groups.get(line.attempt)
    if (group === undefined) groups.set(line.attempt, [line])
    else group.push(line)
  }
  return groups
}
