import type { Column, Table } from './benchmark.ts'

const MAX_COLUMNS = 10

/**
 * Puts the tables of one title beside each other, one group of columns for each Node version. The columns at the left
 * that are the same in all versions are shown once.
 *
 * @param tables by the title of their Node version, such as `Node 20`
 * @returns the tables one by one if their rows differ, or if the result would be too wide to read
 */
export function sideBySide(tables: ReadonlyMap<string, Table>): readonly Table[] {
  const [first] = tables.values()
  if (first === undefined) return []
  const shared = sharedColumns([...tables.values()])
  const apart = [...tables].map(([node, table]) => ({ ...table, title: `${node}: ${table.title ?? ''}` }))
  const groups = [...tables].map(([node, { columns }]) =>
    columns.slice(shared).map((column): Column => ({ ...column, name: `${node}: ${column.name}` })),
  )
  const columns = [...first.columns.slice(0, shared), ...groups.flat()]
  if (tables.size === 1 || shared === 0 || columns.length > MAX_COLUMNS) return apart
  const rows = first.rows.map((row, index) => [
    ...row.slice(0, shared),
    ...[...tables.values()].flatMap((table) => table.rows[index]?.slice(shared) ?? []),
  ])
  return [{ title: first.title ?? '', columns, rows }]
}

/** How many columns at the left have the same name and cells in all tables. */
function sharedColumns(tables: readonly Table[]): number {
  const [first, ...others] = tables
  const textOf = (table: Table, index: number): string =>
    JSON.stringify([table.columns[index]?.name, ...table.rows.map((row) => row[index])])
  const differs = first?.columns.findIndex((_, index) =>
    others.some((table) => textOf(table, index) !== textOf(first, index)),
  )
  return differs === undefined || differs === -1 ? (first?.columns.length ?? 0) : differs
}
