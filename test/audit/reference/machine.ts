/** A machine as plain data. A compiled transition table can be passed as one: only these fields are read. */
export interface Machine {
  readonly initial: string
  readonly states: readonly { readonly name: string; readonly final: boolean; readonly stuckAfterMs: number }[]
  readonly events: readonly { readonly name: string }[]
  readonly edges: readonly { readonly from: string; readonly event: string; readonly to: string }[]
}

export function hasState(machine: Machine, name: string): boolean {
  return machine.states.some((state) => state.name === name)
}

export function isFinal(machine: Machine, name: string): boolean {
  return machine.states.some((state) => state.name === name && state.final)
}

/** The state that an event leads to; undefined if the state does not accept it. */
export function target(machine: Machine, from: string, event: string): string | undefined {
  return machine.edges.find((edge) => edge.from === from && edge.event === event)?.to
}

/** Whether requests wait in this state for a worker. */
export function isQueue(machine: Machine, state: string): boolean {
  return machine.edges.some((edge) => edge.event === 'ENQUEUE' && edge.to === state)
}

/** The smallest number of steps from one state to another, 0 to itself; undefined if there is no path. */
export function distance(machine: Machine, from: string, to: string): number | undefined {
  let reached = new Set([from])
  for (let steps = 0; ; steps += 1) {
    if (reached.has(to)) return steps
    const further = machine.edges.filter((edge) => reached.has(edge.from)).map((edge) => edge.to)
    const next = new Set([...reached, ...further])
    if (next.size === reached.size) return undefined
    reached = next
  }
}

/** Whether at least one step leads from one state to another one. */
export function leadsTo(machine: Machine, from: string, to: string): boolean {
  return from !== to && distance(machine, from, to) !== undefined
}
