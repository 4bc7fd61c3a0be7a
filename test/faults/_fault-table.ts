import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import type { FaultRow } from './_fault-row.ts'

/** The test files in the order of their rows. Other files follow. */
const ORDER = [
  'crash',
  'sigkill',
  'sigterm',
  'slow-log',
  'full-log',
  'throwing',
  'lost-confirmation',
  'aborts',
  'many-requests',
  'connections',
  'clock-jumps',
  'hostile-requests',
  'damaged-logs',
].map((name) => `${name}.test.ts`)

const PAGE = join(import.meta.dirname, '../../docs/reliability.md')
const TABLE_START = '<!-- fault table start: written by npm run test:faults -->'
const TABLE_END = '<!-- fault table end -->'

/** Writes the rows of the fault tests to docs/reliability.md, if every test ran and passed. */
export class FaultTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: string): void {
    const all = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
    const ran = new Set(modules.map(({ moduleId }) => basename(moduleId)))
    const skipped = modules.some((module) => [...module.children.allTests('skipped')].length > 0)
    const rows = [...modules].sort((a, b) => positionOf(a) - positionOf(b)).flatMap(rowsOf)
    process.stdout.write(
      rows.map(({ fault, tried, lost }) => `\n${fault}\n  tried: ${tried}\n  lost:  ${lost}\n`).join(''),
    )
    if (reason !== 'passed' || skipped || !all.every((name) => ran.has(name))) {
      process.stdout.write('\nnot all fault tests ran and passed: the table in docs/reliability.md is unchanged\n')
      return
    }
    writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), rows))
  }
}

function positionOf({ moduleId }: TestModule): number {
  const position = ORDER.indexOf(basename(moduleId))
  return position === -1 ? ORDER.length : position
}

function rowsOf(module: TestModule): readonly FaultRow[] {
  return [...module.children.allTests()].flatMap((test) => test.meta().faults ?? [])
}

function withTable(page: string, rows: readonly FaultRow[]): string {
  const [start, end] = [page.indexOf(TABLE_START), page.indexOf(TABLE_END)]
  if (start === -1 || end < start) {
    throw new Error(`docs/reliability.md has no place for the table: ${TABLE_START} ... ${TABLE_END}`)
  }
  const host = `Node.js ${process.versions.node} on ${process.platform}, ${String(availableParallelism())} processors.`
  const table = [
    '| fault | tried | what was lost |',
    '|---|---|---|',
    ...rows.map(({ fault, tried, lost }) => `| ${fault} | ${tried} | ${lost} |`),
  ]
  return `${page.slice(0, start)}${TABLE_START}\n\n${host}\n\n${table.join('\n')}\n\n${page.slice(end)}`
}
