import type { Edge, TransitionTable } from './table.ts'

type Way = readonly Edge[] | undefined

/** Ways that were searched before, by their goal and then by the state in which they begin. */
type Known = WeakMap<TransitionTable, Map<string, Map<string, Way>>>

const waysOn: Known = new WeakMap()
const waysTo: Known = new WeakMap()
const waysToEnd: Known = new WeakMap()

/**
 * The shortest way from a state to one that accepts an event, that event's own step included.
 *
 * A response that ends while the state is behind catches up along it; every step but the last is `implied`.
 *
 * @returns the steps in order, or undefined where no way leads there
 * @example route(table, 'Received', 'RESPOND')?.map((edge) => edge.event) // ['AUTH_OK', 'PROCESS', 'RESPOND']
 */
export function route(table: TransitionTable, state: string, event: string): Way {
  return search(waysOn, table, state, event, (edge) => edge.event === event)
}

/** The shortest way from a state to another one; undefined where none leads there, or they are the same. */
export function routeTo(table: TransitionTable, state: string, target: string): Way {
  return state === target ? undefined : search(waysTo, table, state, target, (edge) => edge.to === target)
}

/** The shortest way from a state to any final one: the end of a machine that does not know the adapters' signals. */
export function routeToEnd(table: TransitionTable, state: string): Way {
  return search(waysToEnd, table, state, '', (edge) => edge.final)
}

function search(known: Known, table: TransitionTable, state: string, goal: string, reached: (edge: Edge) => boolean): Way {
  const ways = entry(entry(known, table, newMap<Map<string, Way>>), goal, newMap<Way>)
  if (!ways.has(state)) ways.set(state, breadthFirst(table, state, reached))
  return ways.get(state)
}

/** What a map has under a key, made and filed there where it has nothing. */
function entry<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function newMap<V>(): Map<string, V> {
  return new Map()
}

function breadthFirst(table: TransitionTable, start: string, reached: (edge: Edge) => boolean): Way {
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
