import { isEnteredBy } from '../machine/table.ts'
import { NO_FIELDS } from './build-records.ts'
import { accepts, dispatch, implySteps, type SignalTarget } from './signals.ts'

/** Who reports that the caller is known, and that the work has started. Without `'manual'`, the wrapper does. */
export interface Entry {
  /** `'manual'`: the handler itself calls `request.authenticated()` or `request.failed(reason)`. */
  readonly auth?: 'manual'
  /** `'manual'`: the handler itself calls `request.processing()`. Without it, PROCESS is implied when it starts. */
  readonly processing?: 'manual'
}

/** How a request gets to its handler; `'by hand'` if it has none. */
export type EntryMode = Entry | 'by hand'

/** A handler that reports nothing itself. */
export const NO_ENTRY_OPTIONS: Entry = Object.freeze({})

const PROCESS_STEP: readonly string[] = ['PROCESS']

/** Sends AUTH_OK for a caller who is known. In a handler PROCESS follows, unless it reports that itself, too. */
export function reportAuthenticated(request: SignalTarget, entry: EntryMode): boolean {
  const moved = dispatch(request, 'AUTH_OK', NO_FIELDS)
  const isHandler = entry !== 'by hand' && entry.auth === 'manual'
  if (moved && isHandler && entry.processing !== 'manual') implySteps(request, PROCESS_STEP)
  return moved
}

/** Sends PROCESS for work that has started; where it was implied already, nothing changes. */
export function reportProcessing(request: SignalTarget, entry: EntryMode): boolean {
  const isImplied = entry !== 'by hand' && entry.processing !== 'manual'
  const { table } = request.core.settings
  if (isImplied && isEnteredBy(table, request.state, 'PROCESS') && !accepts(request, 'PROCESS')) return false
  return dispatch(request, 'PROCESS', NO_FIELDS)
}
