import type { Cell, Column, Mark, Table } from './question.ts'

/** A table in Markdown, its columns aligned for readers of the source as well. */
export function tableText({ title, columns, rows }: Table): string {
  const cells = [columns.map(({ name }) => name), ...rows.map((row) => columns.map((column, index) => shown(row[index] ?? null, column)))]
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((row) => row[index]?.length ?? 0)))
  const numeric = columns.map((_, index) => rows.some((row) => typeof row[index] === 'number'))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, index) => (numeric[index] === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0))).join(' | ')} |`
  const [head = [], ...body] = cells
  const rule = `| ${widths.map((width, index) => (numeric[index] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  return [...(title === undefined ? [] : [`**${title}**`, '']), line(head), rule, ...body.map(line)].join('\n')
}

/** The marks of a report as a list. */
export function marksText(marks: readonly Mark[]): string {
  return marks.map(({ claim, measured, met }) => `- ${met ? 'met' : '**missed**'}: ${claim}; measured ${measured}`).join('\n')
}

function shown(cell: Cell, { digits = 0 }: Column): string {
  if (cell === null) return ''
  if (typeof cell === 'string') return cell
  return cell.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
