import { requestMachine } from '../machines/request.ts'
import { compile } from '../src/machine/compile.ts'
import { step, type TransitionTable } from '../src/machine/table.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../src/record/record.ts'

export const TRACE = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'
export const REQUEST = 'b7ad6b7169203331'
export const BEGUN = 1_790_000_000_000

/** The fields that are the same on all lines of a request. */
export type Common = Partial<Pick<TransitionRecord, 'trace_id' | 'request_id' | 'service' | 'attempt'>>

/** The lines of a request with these events, a second apart, from `start` milliseconds after {@link BEGUN}. */
export function transitions(
  events: readonly string[],
  common: Common = {},
  start = 0,
  table: TransitionTable = compile(requestMachine),
): TransitionRecord[] {
  let state = table.initial
  const records = [transition({ ...common, time: BEGUN + start })]
  for (const [index, event] of events.entries()) {
    const from = state
    state = step(table, from, event)?.to ?? state
    records.push(
      transition({
        ...common,
        time: BEGUN + start + 1_000 * (index + 1),
        seq: index + 1,
        event,
        from,
        state,
        dwell_ms: 1_000,
      }),
    )
  }
  return records
}

/** One transition; by default the first line of a request. */
export function transition(fields: Partial<TransitionRecord> = {}): TransitionRecord {
  return {
    lifecycle: 'transition',
    time: BEGUN,
    service: 'gateway',
    trace_id: TRACE,
    request_id: REQUEST,
    seq: 0,
    state: 'Received',
    ...fields,
  }
}

/** One note, a second after {@link BEGUN}. */
export function note(event: string, fields: Partial<NoteRecord> = {}): NoteRecord {
  return {
    lifecycle: 'note',
    time: BEGUN + 1_000,
    service: 'gateway',
    trace_id: TRACE,
    request_id: REQUEST,
    event,
    state: 'Received',
    ...fields,
  }
}

export const SYNC = ['AUTH_OK', 'PROCESS', 'RESPOND'] as const
export const QUEUED = ['AUTH_OK', 'PROCESS', 'ENQUEUE'] as const

/** The records as lines of a log. */
export function ndjson(records: readonly (LifecycleRecord | object)[]): string {
  return records.map((record) => `${JSON.stringify({ level: 30, ...record })}\n`).join('')
}
