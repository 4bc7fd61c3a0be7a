import Table from 'cli-table3'
import { sanitizeForTerminal } from '../story/text.ts'

/** A table for a terminal, without lines; no cell commands the terminal, whatever a log holds. */
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

/** The first of many rows, and how many more there are. */
export function firstRows(most: number, head: readonly string[], body: readonly (readonly string[])[]): string {
  const more = body.length - most
  return (
    tableRows(head, body.slice(0, most)) +
    (more > 0 ? `\n  and ${more.toLocaleString('en')} more: see --format json` : '')
  )
}

/** A count with its noun. */
export function pluralize(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
