import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import type { Told } from './_server-stats.ts'

/** The files of tests, in the order of their rows; others follow. */
const ORDER = [
  'death',
  'sigkill',
  'sigterm',
  'slow-log',
  'full-log',
  'throwing',
  'lost-answer',
  'aborts',
  'many-requests',
  'connections',
  'clock',
  'hostile',
  'readers',
].map((name) => `${name}.test.ts`)

const PAGE = join(import.meta.dirname, '../../docs/reliability.md')
const [BEGIN, END] = [
  '<!-- begin of the table of faults: npm run test:faults writes it -->',
  '<!-- end of the table of faults -->',
]

/** Writes what the tests have told into docs/reliability.md, after a run of all of them that found nothing wrong. */
export class FaultTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: string): void {
    const all = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))
    const ran = new Set(modules.map(({ moduleId }) => basename(moduleId)))
    const skipped = modules.some((module) => [...module.children.allTests('skipped')].length > 0)
    const rows = [...modules].sort((a, b) => placeOf(a) - placeOf(b)).flatMap(toldIn)
    process.stdout.write(
      rows.map(({ fault, tried, lost }) => `\n${fault}\n  tried: ${tried}\n  lost:  ${lost}\n`).join(''),
    )
    if (reason !== 'passed' || skipped || !all.every((name) => ran.has(name))) {
      process.stdout.write(
        '\nnot every test of faults ran and passed: the table in docs/reliability.md stays as it is\n',
      )
      return
    }
    writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), rows))
  }
}

function placeOf({ moduleId }: TestModule): number {
  return (ORDER.indexOf(basename(moduleId)) + ORDER.length + 1) % (ORDER.length + 1)
}

function toldIn(module: TestModule): readonly Told[] {
  return [...module.children.allTests()].flatMap((test) => test.meta().told ?? [])
}

function withTable(page: string, rows: readonly Told[]): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin === -1 || end < begin)
    throw new Error(`docs/reliability.md has no place for the table: ${BEGIN} ... ${END}`)
  const host = `Node.js ${process.versions.node} on ${process.platform}, ${String(availableParallelism())} processors.`
  const table = [
    '| fault | tried | what was lost |',
    '|---|---|---|',
    ...rows.map(({ fault, tried, lost }) => `| ${fault} | ${tried} | ${lost} |`),
  ]
  return `${page.slice(0, begin)}${BEGIN}\n\n${host}\n\n${table.join('\n')}\n\n${page.slice(end)}`
}
