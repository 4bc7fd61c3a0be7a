import type { DiagramGraph } from './graph.ts'

/**
 * Writes a machine as JSON, for programs that draw or check it themselves.
 *
 * The object has `id`, `initial`, `states`, `events` and `edges`, each in the machine's order. `stuck_after_ms` is null
 * for a final state, `label` is an empty string for a transition without a description. With counts, an edge has
 * `count`, and a state has `entered` and `open`.
 *
 * @returns indented JSON with a newline at its end
 * @example JSON.parse(json(graphOf(compile(requestMachine)))).initial // 'Received'
 */
export function json(graph: DiagramGraph): string {
  const { id, initial, events } = graph
  const states = graph.states.map(({ name, description, final, stuckAfterMs, entered, open }) => ({
    name,
    description,
    final,
    stuck_after_ms: final ? null : stuckAfterMs,
    entered,
    open,
  }))
  const edges = graph.relations.map(({ from, event, to, description, count }) => ({
    from,
    event,
    to,
    label: description,
    count,
  }))
  return `${JSON.stringify({ id, initial, states, events, edges }, null, 2)}\n`
}
