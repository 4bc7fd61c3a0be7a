import type { Cell, Column, Table, Target } from './benchmark.ts'

/** Renders a table as Markdown with aligned columns. */
export function renderTable({ title, columns, rows }: Table): string {
  const cells = [
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map((column, index) => formatCell(row[index] ?? null, column))),
  ]
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((row) => row[index]?.length ?? 0)))
  const numeric = columns.map((_, index) => rows.some((row) => typeof row[index] === 'number'))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, index) => (numeric[index] === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0))).join(' | ')} |`
  const [head = [], ...body] = cells
  const rule = `| ${widths.map((width, index) => (numeric[index] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [...(title === undefined ? [] : [`**${title}**`, '']), line(head), rule, ...body.map(line)].join('\n')
}

/** Renders the targets of a report, met or missed, as a list. */
export function renderTargets(targets: readonly Target[]): string {
  return targets
    .map(({ claim, measured, met }) => `- ${met ? 'met' : '**missed**'}: ${claim}; measured ${measured}`)
    .join('\n')
}

function formatCell(cell: Cell, { digits = 0 }: Column): string {
  if (cell === null) return ''
  if (typeof cell === 'string') return cell
  return cell.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
