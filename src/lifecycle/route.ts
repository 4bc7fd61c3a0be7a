import type { Edge, TransitionTable } from './table.ts'

type Routes = Map<string, readonly Edge[] | undefined>

const memo = new WeakMap<TransitionTable, Routes>()

/**
 * The shortest way from a state to one that accepts an event, that event's own step included.
 *
 * A response that ends while the state is behind catches up along it; every step but the last is `implied`.
 *
 * @returns the steps in order, or undefined where no way leads there
 * @example route(table, 'Received', 'RESPOND')?.map((edge) => edge.event) // ['AUTH_OK', 'PROCESS', 'RESPOND']
 */
export function route(table: TransitionTable, state: string, event: string): readonly Edge[] | undefined {
  return search(table, state, `on ${event}`, (edge) => edge.event === event)
}

/** The shortest way from a state to another one; undefined where none leads there, or they are the same. */
export function routeTo(table: TransitionTable, state: string, target: string): readonly Edge[] | undefined {
  return state === target ? undefined : search(table, state, `to ${target}`, (edge) => edge.to === target)
}

/** The shortest way from a state to any final one: the end of a machine that does not know the adapters' signals. */
export function routeToEnd(table: TransitionTable, state: string): readonly Edge[] | undefined {
  return search(table, state, 'end', (edge) => edge.final)
}

function search(table: TransitionTable, state: string, goal: string, reached: (edge: Edge) => boolean): readonly Edge[] | undefined {
  let routes = memo.get(table)
  if (routes === undefined) memo.set(table, (routes = new Map<string, readonly Edge[] | undefined>()))
  const key = `${goal} from ${state}`
  if (!routes.has(key)) routes.set(key, breadthFirst(table, state, reached))
  return routes.get(key)
}

function breadthFirst(table: TransitionTable, start: string, reached: (edge: Edge) => boolean): readonly Edge[] | undefined {
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
