import { Histories, type RequestHistory } from '../../src/history/history.ts'
import { assess, type RequestAssessment } from '../../src/history/assess.ts'
import type { TransitionTable } from '../../src/machine/table.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** The histories of records, in the order of each request's first record. */
export function historiesOf(records: readonly LifecycleRecord[]): RequestHistory[] {
  const histories = new Histories()
  for (const record of records) histories.add(record)
  return [...histories]
}

/** The only history of records that all belong to one request. */
export function singleHistory(records: readonly LifecycleRecord[]): RequestHistory {
  const [history, ...others] = historiesOf(records)
  if (history === undefined || others.length > 0) throw new Error('expected the records of one request')
  return history
}

export function assessmentsOf(records: readonly LifecycleRecord[], table: TransitionTable): RequestAssessment[] {
  return historiesOf(records).map((history) => assess(history, table))
}
