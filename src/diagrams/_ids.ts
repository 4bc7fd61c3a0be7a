const PLAIN = /^[A-Za-z][A-Za-z0-9_]*$/

/**
 * Maps each name to a unique identifier of letters, digits and `_` that every picture format accepts.
 *
 * A plain name is its own identifier. Any other name gets a similar one, and the format shows the name as a label.
 *
 * @param isReserved true for a word of the format's grammar
 * @example identifiers(['Queued', 'waiting; or not', 'note'], isKeyword).get('note') // 's_note'
 */
export function identifiers(
  names: readonly string[],
  isReserved: (id: string) => boolean,
): ReadonlyMap<string, string> {
  const ids = new Map(names.filter((name) => PLAIN.test(name) && !isReserved(name)).map((name) => [name, name]))
  const used = new Set(ids.values())
  for (const name of names) {
    if (ids.has(name)) continue
    const slug = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '')
    const base = PLAIN.test(slug) && !isReserved(slug) ? slug : `s_${slug}`
    let id = base
    for (let n = 2; used.has(id) || isReserved(id); n++) id = `${base}_${String(n)}`
    ids.set(name, id)
    used.add(id)
  }
  return ids
}
