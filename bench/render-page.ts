import type { Benchmark, Table, Target } from './benchmark.ts'
import { renderTable } from './render-table.ts'
import type { Results } from './results.ts'
import { sideBySide } from './side-by-side.ts'

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`: do not edit.

The numbers come from one machine on one day, possibly with other work running on it: compare within a table. Values are medians of
interleaved rounds, ± half the interquartile range. Commands are timed from start to exit, with their files in the system's cache; *peak* is
their maximum resident memory. Every benchmark checks the output of the programs it measures.

| command                              | what it does                                                                   |
| ------------------------------------ | ------------------------------------------------------------------------------ |
| \`npm run bench\`                    | runs all benchmarks, and writes this page; the results of other Node versions stay |
| \`npm run bench -- http --rounds 3\` | runs one, and prints its results; \`--keep\` stores them too                     |
| \`npm run bench -- --quick\`         | runs all in about a minute, as a smoke test                                    |`

const TARGETS = 'Set before anything was measured. A missed target stays in the table.'

/**
 * Renders docs/benchmarks.md.
 *
 * @param results by Node version, such as `node-20`
 */
export function renderPage(benchmarks: readonly Benchmark[], results: ReadonlyMap<string, Results>): string {
  const measured = benchmarks.filter(({ name }) => [...results.values()].some(({ reports }) => name in reports))
  const parts = [
    INTRODUCTION,
    '## Targets',
    TARGETS,
    renderTable(targetTable(measured, results)),
    '## Environment',
    renderTable(environmentTable(results)),
  ]
  for (const benchmark of measured) {
    parts.push(`## ${benchmark.title}`, benchmark.method)
    for (const [node, { reports }] of results) {
      const measured = reports[benchmark.name]?.measured
      if (measured !== undefined) parts.push(`Measured on ${nodeTitle(node)}: ${measured}.`)
    }
    parts.push(...tablesOf(benchmark, results).map(renderTable))
  }
  return `${parts.join('\n\n')}\n`
}

/** The tables of a benchmark on all Node versions, those of one title together. */
function tablesOf({ name }: Benchmark, results: ReadonlyMap<string, Results>): readonly Table[] {
  const byTitle = new Map<string, Map<string, Table>>()
  for (const [node, { reports }] of results) {
    for (const table of reports[name]?.tables ?? []) {
      const title = table.title ?? ''
      byTitle.set(title, (byTitle.get(title) ?? new Map<string, Table>()).set(nodeTitle(node), table))
    }
  }
  return [...byTitle.values()].flatMap(sideBySide)
}

function targetTable(benchmarks: readonly Benchmark[], results: ReadonlyMap<string, Results>): Table {
  const columns = [...results].map(([node, { reports }]) => ({
    node,
    targets: benchmarks.flatMap(({ name }) => reports[name]?.targets ?? []),
  }))
  const claims = new Set(columns.flatMap(({ targets }) => targets.map(({ claim }) => claim)))
  return {
    columns: [{ name: 'target' }, ...columns.map(({ node }) => ({ name: nodeTitle(node) }))],
    rows: [...claims].map((claim) => [claim, ...columns.map(({ targets }) => resultOf(targets, claim))]),
  }
}

function resultOf(targets: readonly Target[], claim: string): string | null {
  const target = targets.find((candidate) => candidate.claim === claim)
  return target === undefined ? null : `${target.met ? 'met' : '**missed**'}: ${target.measured}`
}

function environmentTable(results: ReadonlyMap<string, Results>): Table {
  const names = new Set([...results.values()].flatMap(({ environment }) => Object.keys(environment)))
  return {
    columns: [{ name: '' }, ...[...results.keys()].map((node) => ({ name: nodeTitle(node) }))],
    rows: [...names].map((name) => [
      name,
      ...[...results.values()].map(({ environment }) => environment[name] ?? null),
    ]),
  }
}

function nodeTitle(node: string): string {
  return node.replace('node-', 'Node ')
}
