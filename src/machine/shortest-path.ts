import type { Edge, TransitionTable } from './table.ts'

type Path = readonly Edge[] | undefined

/** Ways that were searched before, by their goal and then by the state in which they begin. */
type PathCache = WeakMap<TransitionTable, Map<string, Map<string, Path>>>

const cacheByEvent: PathCache = new WeakMap()
const cacheByState: PathCache = new WeakMap()
const cacheToFinal: PathCache = new WeakMap()

/**
 * The shortest way from a state to one that accepts an event, that event's own step included.
 *
 * A response that ends while the state is behind catches up along it; every step but the last is `implied`.
 *
 * @returns the steps in order, or undefined where no way leads there
 * @example route(table, 'Received', 'RESPOND')?.map((edge) => edge.event) // ['AUTH_OK', 'PROCESS', 'RESPOND']
 */
export function pathToEvent(table: TransitionTable, state: string, event: string): Path {
  return search(cacheByEvent, table, state, event, (edge) => edge.event === event)
}

/** The shortest way from a state to another one; undefined where none leads there, or they are the same. */
export function pathToState(table: TransitionTable, state: string, target: string): Path {
  return state === target ? undefined : search(cacheByState, table, state, target, (edge) => edge.to === target)
}

/** The shortest way from a state to any final one: the end of a machine that does not know the adapters' signals. */
export function pathToFinal(table: TransitionTable, state: string): Path {
  return search(cacheToFinal, table, state, '', (edge) => edge.final)
}

function search(
  known: PathCache,
  table: TransitionTable,
  state: string,
  goal: string,
  reached: (edge: Edge) => boolean,
): Path {
  const ways = getOrCreate(getOrCreate(known, table, newMap<Map<string, Path>>), goal, newMap<Path>)
  if (!ways.has(state)) ways.set(state, breadthFirst(table, state, reached))
  return ways.get(state)
}

/** What a map has under a key, made and filed there where it has nothing. */
function getOrCreate<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  make: () => V,
): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function newMap<V>(): Map<string, V> {
  return new Map()
}

function breadthFirst(table: TransitionTable, start: string, reached: (edge: Edge) => boolean): Path {
  const seen = new Set([start])
  let frontier: { state: string; way: readonly Edge[] }[] = [{ state: start, way: [] }]
  while (frontier.length > 0) {
    const further: typeof frontier = []
    for (const { state, way } of frontier) {
      const edges = Object.values(table.next[state] ?? {}).filter((edge) => edge !== undefined)
      const last = edges.find(reached)
      if (last !== undefined) return Object.freeze([...way, last])
      for (const edge of edges) {
        if (seen.has(edge.to)) continue
        seen.add(edge.to)
        further.push({ state: edge.to, way: [...way, edge] })
      }
    }
    frontier = further
  }
  return undefined
}
