/** A table cell: a number is formatted with its column's digits, null is an empty cell. */
export type Cell = string | number | null

export interface Column {
  readonly name: string
  /** Digits after the decimal point, by default 0. */
  readonly digits?: number
}

export interface Table {
  readonly title?: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

/** A limit that was set before it was measured. */
export interface Target {
  readonly claim: string
  readonly measured: string
  readonly met: boolean
}

/** The results of one benchmark on one Node version. */
export interface Report {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
  /** Date and command, if the benchmark did not run together with all the others. */
  readonly measured?: string
}

export interface RunOptions {
  readonly rounds: number
  /** A smoke test with small amounts, whose numbers mean little. */
  readonly quick: boolean
  /** Includes what takes many gigabytes of disk and an hour. */
  readonly huge: boolean
}

export interface Benchmark {
  /** The name on the command line. */
  readonly name: string
  readonly title: string
  /** How it is measured, in Markdown. */
  readonly method: string
  readonly run: (options: RunOptions) => Promise<Report>
}

export function atMost(claim: string, measured: number, limit: number, unit: string): Target {
  return { claim, measured: format(measured, unit), met: measured <= limit }
}

export function atLeast(claim: string, measured: number, limit: number, unit: string): Target {
  return { claim, measured: format(measured, unit), met: measured >= limit }
}

/** With enough digits to see on which side of its limit a number is. */
function format(measured: number, unit: string): string {
  return `${measured.toFixed(measured < 10 ? 3 : 1)}${unit}`
}
