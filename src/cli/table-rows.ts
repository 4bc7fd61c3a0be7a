import Table from 'cli-table3'
import { sanitizeForTerminal } from '../record/sanitize.ts'

/** A table for a terminal, without borders. Control characters from logs are replaced. */
export function tableRows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const plain = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  }
  const lines = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' }
  const table = new Table({
    head: [...head],
    chars: { ...plain, ...lines },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...body.map((row) => row.map(sanitizeForTerminal)))
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n')
}

/** A table of the first `max` rows, with the number of the others. */
export function firstRows(max: number, head: readonly string[], body: readonly (readonly string[])[]): string {
  const more = body.length - max
  return (
    tableRows(head, body.slice(0, max)) +
    (more > 0 ? `\n  and ${more.toLocaleString('en')} more: see --format json` : '')
  )
}

/** A count with its noun. */
export function pluralize(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
