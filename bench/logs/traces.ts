import type { LoggedError } from '../../src/record/record.ts'
import { requestIdOf, traceIdOf } from './ids.ts'
import { Life, type Told } from './life.ts'
import type { LogSettings } from './options.ts'
import type { Process } from './processes.ts'
import type { Random } from './random.ts'
import type { TruthKeeper } from './truth.ts'

const OPEN_STATES = ['Received', 'Authenticated', 'Processing'] as const
const PATHS = ['/orders', '/products', '/search', '/cart'] as const
const ERRORS: readonly [LoggedError, ...LoggedError[]] = [
  { type: 'TypeError', message: 'broken\nin two' },
  { type: 'Error', message: 'connect ECONNREFUSED 10.0.0.7:5432' },
  { type: 'TimeoutError', message: 'no answer within 2,000 ms: "stock"' },
]

/** Mean waits in milliseconds. */
const MEAN = { authentication: 2, dispatch: 0.05, work: 8, network: 0.7, queue: 400, job: 60, redelivery: 5_000 }

/** Tells traces from their first request to the last, one after the other. */
export class Traces {
  readonly #settings: LogSettings
  readonly #random: Random
  readonly #processes: ReadonlyMap<string, readonly [Process, ...Process[]]>
  readonly #keeper: TruthKeeper
  readonly #tell: (told: Told) => void
  #toHang: number

  constructor(settings: LogSettings, random: Random, processes: ReadonlyMap<string, readonly [Process, ...Process[]]>, keeper: TruthKeeper, tell: (told: Told) => void) {
    this.#settings = settings
    this.#random = random
    this.#processes = processes
    this.#keeper = keeper
    this.#tell = tell
    this.#toHang = settings.stuck
  }

  /** Whether requests are left to begin. */
  get left(): boolean {
    return this.#keeper.truth.requests < this.#settings.requests
  }

  /** Tells all of one trace that begins at a moment. */
  trace(born: number): void {
    const { idKind, services, requests, asyncShare, deniedShare } = this.#settings
    const random = this.#random
    const process = this.#processOf(services[0])
    const traceId = traceIdOf(idKind, born + process.ahead, this.#keeper.truth.traces, random)
    this.#keeper.trace(traceId, requests)
    const handsOver = services.length > 1 && random.chance(asyncShare)
    const hangsIn = this.#hangsIn(handsOver)
    const life = new Life({ traceId, requestId: requestIdOf(random) }, process, born, hangsIn, this.#tell)
    life.begin(handsOver ? 'POST' : 'GET', random.pick(PATHS))
    this.#first(life, born, handsOver, hangsIn === undefined && random.chance(deniedShare))
    this.#ended(life)
  }

  #first(life: Life, born: number, handsOver: boolean, denied: boolean): void {
    const random = this.#random
    let at = born + random.wait(MEAN.authentication)
    if (denied) {
      const error = random.chance(0.5) ? { error: { type: 'Denied', message: 'bad token' } } : {}
      life.step('AUTH_ERROR', 'Failed', at, { outcome: 'denied', status: 401, ...error })
      return
    }
    if (!life.step('AUTH_OK', 'Authenticated', at)) return
    at += random.wait(MEAN.dispatch)
    if (!life.step('PROCESS', 'Processing', at)) return
    at = this.#calls(life, at, this.#settings.services.slice(1, -1), true)
    if (!handsOver) this.#respond(life, at)
    else if (life.step('ENQUEUE', 'Queued', at)) this.#handedOver(life, at)
  }

  /** A service that another one calls: nobody asks there who the caller is. */
  #call(caller: Life, service: string, began: number, rest: string[]): number {
    const random = this.#random
    const { traceId, requestId } = caller.identity
    const life = new Life({ traceId, requestId: requestIdOf(random), parentId: requestId }, this.#processOf(service), began, this.#hangsIn(false), this.#tell)
    life.begin('GET', `/${service}/${random.below(10_000)}`)
    let at = began + random.wait(MEAN.dispatch)
    if (life.step('AUTH_OK', 'Authenticated', began, { implied: true }) && life.step('PROCESS', 'Processing', at)) {
      at = this.#calls(life, at, rest, false)
      this.#respond(life, at)
    }
    this.#ended(life)
    return at
  }

  /** Calls the services that are left, or leaves them to the caller; gives the time at which it is done. */
  #calls(life: Life, began: number, rest: string[], all: boolean): number {
    const random = this.#random
    let at = began + random.wait(MEAN.work)
    while (this.left && rest.length > 0 && (all || random.chance(0.3))) {
      const sent = at + random.wait(MEAN.network)
      if (life.state !== 'Processing' || !life.livesAt(sent)) break
      at = this.#call(life, rest.shift() ?? '', sent, rest) + random.wait(MEAN.network)
    }
    return at
  }

  #respond(life: Life, at: number): void {
    if (this.#random.chance(this.#settings.errorShare)) life.step('RESPOND', 'Responded', at, { outcome: 'error', status: 500, error: this.#random.pick(ERRORS) })
    else life.step('RESPOND', 'Responded', at, { outcome: 'ok', status: 200 })
  }

  #handedOver(life: Life, queued: number): void {
    const { redeliveredShare, errorShare, services } = this.#settings
    const random = this.#random
    const answered = queued + random.wait(MEAN.dispatch)
    life.note('RESPOND', answered, { outcome: 'ok', status: 202, duration_ms: life.ageAt(answered) })
    const worker = services.at(-1) ?? services[0]
    const attempts = random.chance(redeliveredShare) ? 2 : 1
    let at = queued + random.wait(MEAN.queue)
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      // Some that hang were never taken up.
      if (life.hangs && random.chance(0.5)) return
      if (!life.deliver(this.#processOf(worker), at, attempt)) return
      at += random.wait(MEAN.job)
      const fields = random.chance(errorShare) ? ({ outcome: 'error', error: random.pick(ERRORS) } as const) : ({ outcome: 'ok' } as const)
      if (life.step('COMPLETE', 'Completed', at, fields) && attempt > 1) this.#keeper.truth.duplicates += 1
      if (life.state !== 'Completed') return
      at += random.wait(MEAN.redelivery)
    }
  }

  #processOf(service: string): Process {
    const processes = this.#processes.get(service)
    if (processes === undefined) throw new Error(`there is no service ${service}`)
    return this.#random.pick(processes)
  }

  /** Counts a request that is about to begin, and decides where it hangs: of all that are left, each is as likely to as any other. */
  #hangsIn(handsOver: boolean): string | undefined {
    const { truth } = this.#keeper
    const hangs = this.#toHang > 0 && this.#random.chance(this.#toHang / (this.#settings.requests - truth.requests))
    truth.requests += 1
    if (!hangs) return undefined
    this.#toHang -= 1
    return handsOver && this.#random.chance(0.5) ? 'Queued' : this.#random.pick(OPEN_STATES)
  }

  #ended({ state, since, service, identity }: Life): void {
    if (state === 'Responded' || state === 'Completed' || state === 'Failed') return
    this.#keeper.open({ trace_id: identity.traceId, request_id: identity.requestId, service, state, since })
  }
}
