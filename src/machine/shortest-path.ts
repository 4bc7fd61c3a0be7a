import type { Edge, TransitionTable } from './table.ts'

type Path = readonly Edge[] | undefined

/** Paths found so far, by table, goal and start state. */
type PathCache = WeakMap<TransitionTable, Map<string, Map<string, Path>>>

const cacheByEvent: PathCache = new WeakMap()
const cacheByState: PathCache = new WeakMap()
const cacheToFinal: PathCache = new WeakMap()

/**
 * The shortest path from a state that ends with the given event.
 *
 * When a response ends while the state is behind, the request follows this path. Every step but the last is `implied`.
 *
 * @returns the edges in order, or undefined if no path leads to the event
 * @example pathToEvent(table, 'Received', 'RESPOND')?.map((edge) => edge.event) // ['AUTH_OK', 'PROCESS', 'RESPOND']
 */
export function pathToEvent(table: TransitionTable, state: string, event: string): Path {
  return cachedSearch(cacheByEvent, table, state, event, (edge) => edge.event === event)
}

/** The shortest path from a state to another state; undefined if there is none or the two are the same. */
export function pathToState(table: TransitionTable, state: string, target: string): Path {
  return state === target ? undefined : cachedSearch(cacheByState, table, state, target, (edge) => edge.to === target)
}

/**
 * The shortest path from a state to any final state. Used to end requests of machines without the adapters' signals.
 */
export function pathToFinal(table: TransitionTable, state: string): Path {
  return cachedSearch(cacheToFinal, table, state, '', (edge) => edge.final)
}

function cachedSearch(
  cache: PathCache,
  table: TransitionTable,
  state: string,
  goal: string,
  isGoal: (edge: Edge) => boolean,
): Path {
  const byGoal = getOrCreate(cache, table, newMap<Map<string, Path>>)
  const byStart = getOrCreate(byGoal, goal, newMap<Path>)
  if (!byStart.has(state)) byStart.set(state, breadthFirst(table, state, isGoal))
  return byStart.get(state)
}

function getOrCreate<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  create: () => V,
): V {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const created = create()
  map.set(key, created)
  return created
}

function newMap<V>(): Map<string, V> {
  return new Map()
}

function breadthFirst(table: TransitionTable, start: string, isGoal: (edge: Edge) => boolean): Path {
  const visited = new Set([start])
  let frontier: { state: string; path: readonly Edge[] }[] = [{ state: start, path: [] }]
  while (frontier.length > 0) {
    const nextFrontier: typeof frontier = []
    for (const { state, path } of frontier) {
      const edges = Object.values(table.next[state] ?? {}).filter((edge) => edge !== undefined)
      const last = edges.find(isGoal)
      if (last !== undefined) return Object.freeze([...path, last])
      for (const edge of edges) {
        if (visited.has(edge.to)) continue
        visited.add(edge.to)
        nextFrontier.push({ state: edge.to, path: [...path, edge] })
      }
    }
    frontier = nextFrontier
  }
  return undefined
}
