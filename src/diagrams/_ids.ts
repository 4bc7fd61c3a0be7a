const PLAIN = /^[A-Za-z][A-Za-z0-9_]*$/

/**
 * An identifier for each name that no picture format can misread: letters, digits and `_`, no two alike.
 *
 * A plain name is its own identifier. Any other gets one that resembles it, and is shown by its label.
 *
 * @param reserved - what the format keeps for itself
 * @example identifiers(['Queued', 'waiting; or not', 'note'], isKeyword).get('note') // 's_note'
 */
export function identifiers(names: readonly string[], reserved: (id: string) => boolean): ReadonlyMap<string, string> {
  const ids = new Map(names.filter((name) => PLAIN.test(name) && !reserved(name)).map((name) => [name, name]))
  const taken = new Set(ids.values())
  for (const name of names) {
    if (ids.has(name)) continue
    const like = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '')
    const base = PLAIN.test(like) && !reserved(like) ? like : `s_${like}`
    let id = base
    for (let n = 2; taken.has(id) || reserved(id); n++) id = `${base}_${String(n)}`
    ids.set(name, id)
    taken.add(id)
  }
  return ids
}
