/** Numbers by name: what benchmark processes send each other, as parameters and as results. */
export type NumericRecord = Readonly<Record<string, number>>

/** @throws Error if the record has no such number */
export function getNumber(record: NumericRecord, name: string): number {
  const value = record[name]
  if (value === undefined) throw new Error(`no number "${name}" among ${Object.keys(record).join(', ')}`)
  return value
}

/** The values of all rounds of all processes: `name/0`, `name/1` and so on of each record. */
export function valuesOfRounds(records: readonly NumericRecord[], name: string): readonly number[] {
  const values = records.flatMap((record) =>
    Object.entries(record).flatMap(([key, value]) => (key.startsWith(`${name}/`) ? [value] : [])),
  )
  if (values.length === 0) throw new Error(`there are no rounds of "${name}"`)
  return values
}

/** Checks a value that came from another process. */
export function parseNumericRecord(value: unknown): NumericRecord {
  if (typeof value !== 'object' || value === null) throw new TypeError('expected an object of numbers')
  return Object.fromEntries(
    Object.entries(value).map(([name, number]: [string, unknown]) => {
      if (typeof number !== 'number') throw new TypeError(`"${name}" is not a number`)
      return [name, number]
    }),
  )
}
