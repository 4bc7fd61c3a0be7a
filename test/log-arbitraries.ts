import fc from 'fast-check'
import type { AnyStateMachine } from 'xstate'
import { compile } from '../src/machine/compile.ts'
import { step, type TransitionTable } from '../src/machine/table.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../src/record/record.ts'

/** What is known to be true of one request, beside its lines. */
export interface Known {
  readonly traceId: string
  readonly requestId: string
  readonly ended: boolean
  readonly state: string
  /** When it entered the state, as the service that did so tells it. */
  readonly since: number
  readonly duplicates: number
}

/** A true log: all that was told, in the order of telling, and what is known of each request. */
export interface TrueLog {
  readonly table: TransitionTable
  readonly records: readonly LifecycleRecord[]
  readonly requests: readonly Known[]
}

export const T0 = 1_790_000_000_000
export const SERVICES = ['gateway', 'auth', 'catalog', 'worker'] as const

const ENDINGS = ['complete', 'fail', 'retry', 'hang'] as const
const WAYS: Readonly<Record<(typeof ENDINGS)[number], readonly string[]>> = {
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
  /** Which edge is taken at each step: as many steps as there are. */
  readonly choices: readonly number[]
  readonly waits: readonly number[]
  readonly notes: readonly boolean[]
  /** What becomes of the message, delivery by delivery. */
  readonly deliveries: readonly (typeof ENDINGS)[number][]
}

/** How long a request may stay in a state, in milliseconds. */
export const LONGEST_STAY = 9_000

const script: fc.Arbitrary<Script> = fc.record({
  trace: fc.nat(5),
  service: fc.nat(2),
  start: fc.nat(60_000),
  child: fc.boolean(),
  choices: fc.array(fc.nat(11), { maxLength: 5, size: 'max' }),
  waits: fc.array(fc.nat(LONGEST_STAY), { minLength: 6, maxLength: 6 }),
  notes: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  deliveries: fc.array(fc.constantFrom(...ENDINGS), { maxLength: 3 }),
})

/** True logs of a machine: several services and traces, hand-offs with attempts, retries and redeliveries, notes, errors. */
export function trueLog(machine: AnyStateMachine): fc.Arbitrary<TrueLog> {
  // The worker's clock may be ahead of the others or behind.
  return fc
    .tuple(fc.array(script, { minLength: 1, maxLength: 12 }), fc.integer({ min: -3_000, max: 3_000 }))
    .map(([scripts, skew]) => tell(machine, scripts, skew))
}

/**
 * Long true logs, whose clocks agree and whose messages do not come again once they are done with; `apart` where each
 * request has ended, or hangs, before the next begins.
 */
export function longLog(machine: AnyStateMachine, apart: boolean): fc.Arbitrary<TrueLog> {
  const once = script.map((one): Script => {
    const end = one.deliveries.findIndex((ending) => ending === 'complete' || ending === 'fail')
    return end === -1 ? one : { ...one, deliveries: one.deliveries.slice(0, end + 1) }
  })
  const scripts = fc.array(once, { minLength: 5, maxLength: 60, size: 'max' })
  return scripts.map((all) =>
    tell(machine, apart ? all.map((one, index) => ({ ...one, trace: 0, start: index * 12 * LONGEST_STAY })) : all, 0),
  )
}

function tell(machine: AnyStateMachine, scripts: readonly Script[], skew: number): TrueLog {
  const table = compile(machine)
  const told = scripts.map((one, index) => new Telling(table, one, index, skew).all())
  return {
    table,
    records: told.flatMap(({ records }) => records).sort((a, b) => a.time - b.time),
    requests: told.map(({ known }) => known),
  }
}

/** The id of a trace as a tracker makes it: a UUID version 7, born at that time. */
export function uuid(time: number, tail: number): string {
  const hex = Math.trunc(time).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${(tail % 4_096).toString(16).padStart(3, '0')}-8a1b-${(tail + 1).toString(16).padStart(12, '0')}`
}

/** Tells one request, step by step. */
class Telling {
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

  all(): { readonly records: readonly LifecycleRecord[]; readonly known: Known } {
    const table = this.#table
    const { child, choices, waits, notes, deliveries } = this.#script
    const parent = child && this.#index > 0 ? { parent_id: requestId(this.#index - 1) } : {}
    this.#tell({ lifecycle: 'transition', seq: 0, ...parent, method: 'GET', path: '/orders' })
    let standing = { state: this.#state, since: this.#time }
    let handedOver = false
    for (const [turn, choice] of choices.entries()) {
      if (notes[turn] === true) this.#tell({ lifecycle: turn % 2 === 0 ? 'note' : 'rejected', event: 'CACHE_MISS' })
      const edges = Object.values(table.next[this.#state] ?? {}).filter((edge) => edge !== undefined)
      const edge = edges[choice % edges.length]
      if (edge === undefined || handedOver) break
      this.#signal(edge.event, waits[turn] ?? 0)
      standing = { state: this.#state, since: this.#time }
      handedOver = edge.event === 'ENQUEUE'
    }
    let finals = this.#final() ? 1 : 0
    const carrier = { state: this.#state, seq: this.#seq }
    for (const [turn, ending] of (handedOver ? deliveries : []).entries()) {
      this.#service = 'worker'
      this.#attempt = turn + 1
      this.#state = carrier.state
      this.#seq = carrier.seq
      if (turn === 0) this.#time += this.#skew
      const before = this.#seq
      const last = table.event.FAIL === undefined && ending === 'fail' ? WAYS.complete : WAYS[ending]
      for (const event of last) this.#signal(event, waits[turn] ?? 0, ending === 'fail' || ending === 'retry')
      if (this.#final()) finals += 1
      if (finals === 0 && this.#seq > before) standing = { state: this.#state, since: this.#time }
      else if (finals === 1 && this.#final()) standing = { state: this.#state, since: this.#time }
    }
    const { trace_id: traceId, request_id } = this.#ids
    return {
      records: this.#records,
      known: { traceId, requestId: request_id, ended: finals > 0, ...standing, duplicates: Math.max(0, finals - 1) },
    }
  }

  #final(): boolean {
    return this.#table.state[this.#state]?.final === true
  }

  #signal(event: string, wait: number, fails = false): void {
    this.#time += wait
    const edge = step(this.#table, this.#state, event)
    const error = fails && event !== 'ATTEMPT' ? { error: { type: 'Error', message: `no luck in ${event}` } } : {}
    if (edge === undefined) {
      this.#tell({ lifecycle: 'note', event, ...error })
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
    this.#tell({ lifecycle: 'transition', seq: this.#seq, event, from: edge.from, dwell_ms: wait, ...end, ...error })
  }

  #tell(
    told:
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
      ...told,
    })
  }
}

function requestId(index: number): string {
  return `b7ad6b71${(index + 1).toString(16).padStart(8, '0')}`
}
