import { readFile, writeFile } from 'node:fs/promises'
import { containsDiagram } from '../diagrams/check.ts'
import { dot } from '../diagrams/dot.ts'
import { graphOf, type Counts, type DiagramGraph } from '../diagrams/graph.ts'
import { json } from '../diagrams/json.ts'
import { mermaid } from '../diagrams/mermaid.ts'
import { svg } from '../diagrams/svg.ts'
import { errorMessage, ThroughlineError } from '../errors.ts'
import type { LogSource } from '../logs/log-source.ts'
import { tableOf } from '../machine/default-table.ts'
import type { MachineLike } from '../machine/machine-like.ts'
import { step, type TransitionTable } from '../machine/table.ts'
import { auditSource } from '../queries/audit-source.ts'
import type { ExitStatus, Io } from './io.ts'
import { lokiForAudit, type LokiFlags } from './loki-flags.ts'
import { machineFrom } from './machine-file.ts'
import { openSource } from './open-source.ts'

/** The flags of `throughline diagram`. */
export interface DiagramFlags extends LokiFlags {
  readonly machine?: string
  readonly format: 'mermaid' | 'dot' | 'svg' | 'json'
  readonly logs?: readonly string[]
  readonly out?: string
  readonly check?: string
}

/** `throughline diagram`: the diagram of the machine, with `--logs` or `--loki` also the count of each transition. */
export async function diagramCommand(flags: DiagramFlags, io: Io): Promise<ExitStatus> {
  const machine = await machineFrom(flags.machine)
  const table = tableOf(machine)
  const source = await openLogs(flags, io)
  const counts = source === undefined ? undefined : await countTransitions(source, machine, table)
  const text = await render(graphOf(table, counts), flags.format)
  if (flags.check !== undefined) return check(flags.check, text, flags, io)
  if (flags.out === undefined) io.out(text)
  else await writeFile(flags.out, text).catch(unusable(flags.out, 'written'))
  return 0
}

/** The logs to count in; undefined without `--logs` and `--loki`. */
async function openLogs(flags: DiagramFlags, io: Io): Promise<LogSource | undefined> {
  const { logs: names = [] } = flags
  const loki = lokiForAudit(flags, { names, env: process.env, now: Date.now() })
  return flags.logs === undefined && loki === undefined ? undefined : openSource(names, loki, io)
}

async function countTransitions(
  source: LogSource,
  machine: MachineLike | undefined,
  table: TransitionTable,
): Promise<Counts> {
  try {
    const { states, steps } = await auditSource(source, { machine })
    return {
      edges: new Map(steps.map(({ from, event, count }) => [step(table, from, event)?.index ?? -1, count])),
      states: new Map(Object.entries(states)),
    }
  } finally {
    source.close?.()
  }
}

async function render(graph: DiagramGraph, format: DiagramFlags['format']): Promise<string> {
  switch (format) {
    case 'mermaid':
      return mermaid(graph)
    case 'dot':
      return dot(graph)
    case 'svg':
      return svg(dot(graph))
    case 'json':
      return json(graph)
  }
}

async function check(file: string, text: string, { format }: DiagramFlags, io: Io): Promise<ExitStatus> {
  const content = await readFile(file, 'utf8').catch(unusable(file, 'read'))
  if (containsDiagram(content, text, format)) return 0
  const fix = `print it with throughline diagram --format ${format}`
  io.err(`throughline: ${file} does not contain the diagram of the machine: ${fix}\n`)
  return 1
}

function unusable(file: string, action: string): (error: unknown) => never {
  return (cause) => {
    throw new ThroughlineError('THROUGHLINE_USAGE', `${file} cannot be ${action}: ${errorMessage(cause)}`, { cause })
  }
}
