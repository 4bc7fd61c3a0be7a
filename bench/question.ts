/** A table's cell: a number is shown with its column's digits, null as nothing. */
export type Cell = string | number | null

export interface Column {
  readonly name: string
  /** Digits after the point, for the numbers in this column. */
  readonly digits?: number
}

export interface Table {
  readonly title?: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

/** A bound that was set before it was measured. */
export interface Mark {
  readonly claim: string
  readonly measured: string
  readonly met: boolean
}

/** What one question found on one version of Node. */
export interface Report {
  readonly tables: readonly Table[]
  readonly marks: readonly Mark[]
  /** When and by which command, where it was not asked with all the others. */
  readonly measured?: string
}

/** How much is measured. */
export interface Effort {
  readonly rounds: number
  /** A smoke run: it shows that everything works, and its numbers mean little. */
  readonly quick: boolean
  /** With what takes many gigabytes of disk, and an hour. */
  readonly huge: boolean
}

export interface Question {
  /** The name on the command line. */
  readonly name: string
  readonly title: string
  /** How it is measured, in Markdown. */
  readonly method: string
  readonly ask: (effort: Effort) => Promise<Report>
}

/** The mark that a number stays at or below a limit. */
export function atMost(claim: string, measured: number, limit: number, unit: string): Mark {
  return { claim, measured: shown(measured, unit), met: measured <= limit }
}

/** The mark that a number reaches a limit. */
export function atLeast(claim: string, measured: number, limit: number, unit: string): Mark {
  return { claim, measured: shown(measured, unit), met: measured >= limit }
}

/** Exact enough to see on which side of its limit a number lies. */
function shown(measured: number, unit: string): string {
  return `${measured.toFixed(measured < 10 ? 3 : 1)}${unit}`
}
