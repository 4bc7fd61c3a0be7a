import { readFile, writeFile } from 'node:fs/promises'
import type { AnyStateMachine } from 'xstate'
import { containsDiagram } from '../diagrams/check.ts'
import { dot } from '../diagrams/dot.ts'
import { graphOf, type Counts, type DiagramGraph } from '../diagrams/graph.ts'
import { json } from '../diagrams/json.ts'
import { mermaid } from '../diagrams/mermaid.ts'
import { svg } from '../diagrams/svg.ts'
import { ThroughlineError } from '../errors.ts'
import { auditFiles } from '../queries/audit.ts'
import { compile } from '../machine/compile.ts'
import { step, type TransitionTable } from '../machine/table.ts'
import { logFiles } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { machineFrom } from './machine-file.ts'

/** The flags of `throughline diagram`. */
export interface DiagramFlags {
  readonly machine?: string
  readonly format: 'mermaid' | 'dot' | 'svg' | 'json'
  readonly logs?: readonly string[]
  readonly out?: string
  readonly check?: string
}

/** `throughline diagram`: the picture of the machine, with `--logs` also of how often each way was gone. */
export async function diagramCommand(flags: DiagramFlags, io: Io): Promise<ExitStatus> {
  const machine = await machineFrom(flags.machine)
  const table = compile(machine)
  const counts = flags.logs === undefined ? undefined : await countsIn(flags.logs, machine, table, io)
  const text = await render(graphOf(table, counts), flags.format)
  if (flags.check !== undefined) return check(flags.check, text, flags, io)
  if (flags.out === undefined) io.out(text)
  else await writeFile(flags.out, text).catch(unusable(flags.out, 'written'))
  return 0
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
  const held = containsDiagram(await readFile(file, 'utf8').catch(unusable(file, 'read')), text, format)
  if (!held)
    io.err(
      `throughline: ${file} does not hold the diagram of the machine: print it with throughline diagram --format ${format}\n`,
    )
  return held ? 0 : 1
}

async function countsIn(
  names: readonly string[],
  machine: AnyStateMachine,
  table: TransitionTable,
  io: Io,
): Promise<Counts> {
  const { states, steps } = await auditFiles(await logFiles(names), {
    machine,
    onDamage: (sentence) => io.err(`throughline: ${sentence}\n`),
  })
  return {
    edges: new Map(steps.map(({ from, event, count }) => [step(table, from, event)?.index ?? -1, count])),
    states: new Map(Object.entries(states)),
  }
}

function unusable(file: string, done: string): (error: unknown) => never {
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ThroughlineError('THROUGHLINE_USAGE', `${file} cannot be ${done}: ${reason}`, { cause: error })
  }
}
