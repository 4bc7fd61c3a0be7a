import { tableText } from './markdown.ts'
import type { Question, Table } from './question.ts'
import type { Results } from './results.ts'

const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`, which asks the questions below and checks that what it measures works. Change nothing here by hand.

The numbers are those of one machine on one day, and other work may have gone on beside it. Compare within a table, not with other pages.
\`npm run bench -- http --rounds 3\` asks one question and only prints, \`--keep\` keeps what it finds; \`--quick\` shows in a minute that all of it runs. Questions that were asked with
another version of Node stay as they are.`

/**
 * The page on what was found.
 *
 * @param results by the name of the version of Node
 */
export function page(questions: readonly Question[], results: ReadonlyMap<string, Results>): string {
  const asked = questions.filter(({ name }) => [...results.values()].some(({ reports }) => name in reports))
  const parts = [INTRODUCTION, '## Marks', MARKS, tableText(marks(asked, results)), '## Where it was measured', tableText(settings(results))]
  for (const question of asked) {
    parts.push(`## ${question.title}`, question.method)
    for (const [node, { reports }] of results) {
      const { tables = [], measured } = reports[question.name] ?? {}
      if (measured !== undefined) parts.push(`Measured on ${nodeTitle(node)}: ${measured}.`)
      parts.push(...tables.map((table) => tableText({ ...table, title: `${nodeTitle(node)}: ${table.title}` })))
    }
  }
  return `${parts.join('\n\n')}\n`
}

const MARKS = `Set before anything was measured. A mark that is missed stays here, and says so.`

function marks(questions: readonly Question[], results: ReadonlyMap<string, Results>): Table {
  const columns = [...results].map(([node, { reports }]) => ({ node, found: questions.flatMap(({ name }) => reports[name]?.marks ?? []) }))
  const claims = new Set(columns.flatMap(({ found }) => found.map(({ claim }) => claim)))
  const told = (found: (typeof columns)[number]['found'], claim: string): string | null => {
    const mark = found.find((known) => known.claim === claim)
    return mark === undefined ? null : `${mark.met ? 'met' : '**missed**'}: ${mark.measured}`
  }
  return {
    columns: [{ name: 'mark' }, ...columns.map(({ node }) => ({ name: nodeTitle(node) }))],
    rows: [...claims].map((claim) => [claim, ...columns.map(({ found }) => told(found, claim))]),
  }
}

function settings(results: ReadonlyMap<string, Results>): Table {
  const names = new Set([...results.values()].flatMap(({ setting }) => Object.keys(setting)))
  return {
    columns: [{ name: '' }, ...[...results.keys()].map((node) => ({ name: nodeTitle(node) }))],
    rows: [...names].map((name) => [name, ...[...results.values()].map(({ setting }) => setting[name] ?? null)]),
  }
}

function nodeTitle(node: string): string {
  return node.replace('node-', 'Node ')
}
