import fc from 'fast-check'
import type { AnyStateMachine } from 'xstate'
import { compile } from '../src/machine/compile.ts'
import { step, type TransitionTable } from '../src/machine/table.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../src/record/record.ts'

/** The expected result for one request. */
export interface ExpectedRequest {
  readonly traceId: string
  readonly requestId: string
  readonly ended: boolean
  readonly state: string
  /** When it entered the state, by the clock of the service that moved it. */
  readonly since: number
  readonly duplicates: number
}

/** A valid log in order of time, and the expected result for each request. */
export interface TrueLog {
  readonly table: TransitionTable
  readonly records: readonly LifecycleRecord[]
  readonly requests: readonly ExpectedRequest[]
}

export const T0 = 1_790_000_000_000
export const SERVICES = ['gateway', 'auth', 'catalog', 'worker'] as const

const ENDINGS = ['complete', 'fail', 'retry', 'hang'] as const
const EVENTS: Readonly<Record<(typeof ENDINGS)[number], readonly string[]>> = {
  complete: ['ATTEMPT', 'COMPLETE'],
  fail: ['ATTEMPT', 'FAIL'],
  retry: ['ATTEMPT', 'RETRY'],
  hang: ['ATTEMPT'],
}

interface Script {
  readonly trace: number
  readonly service: number
  readonly start: number
  readonly child: boolean
  /** Which edge is taken at each step. */
  readonly choices: readonly number[]
  readonly waits: readonly number[]
  readonly notes: readonly boolean[]
  /** Which steps are implied. */
  readonly implied: readonly boolean[]
  /** The result of each delivery of the message. */
  readonly deliveries: readonly (typeof ENDINGS)[number][]
}

/** The longest time that a request spends in a state, in milliseconds. */
const MAX_STAY_MS = 9_000

const script: fc.Arbitrary<Script> = fc.record({
  trace: fc.nat(5),
  service: fc.nat(2),
  start: fc.nat(60_000),
  child: fc.boolean(),
  choices: fc.array(fc.nat(11), { maxLength: 5, size: 'max' }),
  waits: fc.array(fc.nat(MAX_STAY_MS), { minLength: 6, maxLength: 6 }),
  notes: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  implied: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  deliveries: fc.array(fc.constantFrom(...ENDINGS), { maxLength: 3 }),
})

/** Valid logs of a machine: several services and traces, hand-offs, attempts, retries, redeliveries, notes, errors. */
export function trueLog(machine: AnyStateMachine): fc.Arbitrary<TrueLog> {
  // The clock of the worker may be ahead or behind.
  return fc
    .tuple(fc.array(script, { minLength: 1, maxLength: 12 }), fc.integer({ min: -3_000, max: 3_000 }))
    .map(([scripts, skew]) => writeLog(machine, scripts, skew))
}

/**
 * Long valid logs with equal clocks, in which no message is redelivered after its completion. With `apart` each request
 * ends, or hangs, before the next one starts.
 */
export function longLog(machine: AnyStateMachine, apart: boolean): fc.Arbitrary<TrueLog> {
  const once = script.map((one): Script => {
    const end = one.deliveries.findIndex((ending) => ending === 'complete' || ending === 'fail')
    return end === -1 ? one : { ...one, deliveries: one.deliveries.slice(0, end + 1) }
  })
  const scripts = fc.array(once, { minLength: 5, maxLength: 60, size: 'max' })
  return scripts.map((all) =>
    writeLog(
      machine,
      apart ? all.map((one, index) => ({ ...one, trace: 0, start: index * 12 * MAX_STAY_MS })) : all,
      0,
    ),
  )
}

function writeLog(machine: AnyStateMachine, scripts: readonly Script[], skew: number): TrueLog {
  const table = compile(machine)
  const requests = scripts.map((one, index) => new RequestWriter(table, one, index, skew).write())
  return {
    table,
    records: requests.flatMap(({ records }) => records).sort((a, b) => a.time - b.time),
    requests: requests.map(({ known }) => known),
  }
}

/** A trace id as a tracker creates it: a UUID version 7 of this time. */
export function uuid(time: number, tail: number): string {
  const hex = Math.trunc(time).toString(16).padStart(12, '0')
  const [random, node] = [(tail % 4_096).toString(16).padStart(3, '0'), (tail + 1).toString(16).padStart(12, '0')]
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${random}-8a1b-${node}`
}

/** Writes the records of one request. */
class RequestWriter {
  readonly #records: LifecycleRecord[] = []
  readonly #table: TransitionTable
  readonly #script: Script
  readonly #index: number
  readonly #skew: number
  readonly #ids: { readonly trace_id: string; readonly request_id: string }
  #service: string
  #time: number
  #state: string
  #seq = 0
  #attempt: number | undefined

  constructor(table: TransitionTable, script: Script, index: number, skew: number) {
    this.#table = table
    this.#script = script
    this.#index = index
    this.#skew = skew
    this.#ids = { trace_id: uuid(T0 + script.trace * 7_000, script.trace), request_id: requestId(index) }
    this.#service = SERVICES[script.service] ?? SERVICES[0]
    this.#time = T0 + script.trace * 7_000 + script.start
    this.#state = table.initial
  }

  write(): { readonly records: readonly LifecycleRecord[]; readonly known: ExpectedRequest } {
    const table = this.#table
    const { child, choices, waits, notes, implied, deliveries } = this.#script
    const parent = child && this.#index > 0 ? { parent_id: requestId(this.#index - 1) } : {}
    this.#emit({ lifecycle: 'transition', seq: 0, ...parent, method: 'GET', path: '/orders' })
    let position = { state: this.#state, since: this.#time }
    let handedOff = false
    for (const [turn, choice] of choices.entries()) {
      if (notes[turn] === true) this.#emit({ lifecycle: turn % 2 === 0 ? 'note' : 'rejected', event: 'CACHE_MISS' })
      const edges = Object.values(table.next[this.#state] ?? {}).filter((edge) => edge !== undefined)
      const edge = edges[choice % edges.length]
      if (edge === undefined || handedOff) break
      this.#send(edge.event, waits[turn] ?? 0, false, implied[turn])
      position = { state: this.#state, since: this.#time }
      handedOff = edge.event === 'ENQUEUE'
    }
    let finals = this.#final() ? 1 : 0
    const carrier = { state: this.#state, seq: this.#seq }
    for (const [turn, ending] of (handedOff ? deliveries : []).entries()) {
      this.#service = 'worker'
      this.#attempt = turn + 1
      this.#state = carrier.state
      this.#seq = carrier.seq
      if (turn === 0) this.#time += this.#skew
      const before = this.#seq
      const last = table.event.FAIL === undefined && ending === 'fail' ? EVENTS.complete : EVENTS[ending]
      for (const event of last) this.#send(event, waits[turn] ?? 0, ending === 'fail' || ending === 'retry')
      if (this.#final()) finals += 1
      if (finals === 0 && this.#seq > before) position = { state: this.#state, since: this.#time }
      else if (finals === 1 && this.#final()) position = { state: this.#state, since: this.#time }
    }
    const { trace_id: traceId, request_id } = this.#ids
    return {
      records: this.#records,
      known: { traceId, requestId: request_id, ended: finals > 0, ...position, duplicates: Math.max(0, finals - 1) },
    }
  }

  #final(): boolean {
    return this.#table.state[this.#state]?.final === true
  }

  #send(event: string, wait: number, fails = false, isImplied = false): void {
    this.#time += wait
    const edge = step(this.#table, this.#state, event)
    const error = fails && event !== 'ATTEMPT' ? { error: { type: 'Error', message: `no luck in ${event}` } } : {}
    if (edge === undefined) {
      this.#emit({ lifecycle: 'note', event, ...error })
      return
    }
    this.#state = edge.to
    this.#seq += 1
    const end = edge.final
      ? {
          outcome:
            event === 'AUTH_ERROR'
              ? ('denied' as const)
              : event === 'ABORT'
                ? ('aborted' as const)
                : fails
                  ? ('error' as const)
                  : ('ok' as const),
          duration_ms: wait,
        }
      : {}
    const implied = isImplied ? { implied: true as const } : {}
    const taken = { seq: this.#seq, event, from: edge.from, dwell_ms: wait, ...implied }
    this.#emit({ lifecycle: 'transition', ...taken, ...end, ...error })
  }

  #emit(
    fields:
      | (Pick<TransitionRecord, 'lifecycle' | 'seq'> & Partial<TransitionRecord>)
      | (Pick<NoteRecord, 'lifecycle' | 'event'> & Partial<NoteRecord>),
  ): void {
    const attempt = this.#attempt === undefined ? {} : { attempt: this.#attempt }
    this.#records.push({
      time: this.#time,
      service: this.#service,
      ...this.#ids,
      state: this.#state,
      ...attempt,
      ...fields,
    })
  }
}

function requestId(index: number): string {
  return `b7ad6b71${(index + 1).toString(16).padStart(8, '0')}`
}
