import type { LoggedError } from '../../src/record/field-types.ts'
import type { ExpectedCollector } from './expected.ts'
import { newRequestId, newTraceId } from './new-ids.ts'
import type { LogSettings } from './options.ts'
import type { Process, Processes } from './processes.ts'
import type { Random } from './random.ts'
import { RequestSimulation, type SimulatedRecord } from './request-simulation.ts'

const OPEN_STATES = ['Received', 'Authenticated', 'Processing'] as const
const PATHS = ['/orders', '/products', '/search', '/cart'] as const
const ERRORS: readonly [LoggedError, ...LoggedError[]] = [
  { type: 'TypeError', message: 'broken\nin two' },
  { type: 'Error', message: 'connect ECONNREFUSED 10.0.0.7:5432' },
  { type: 'TimeoutError', message: 'no answer within 2,000 ms: "stock"' },
]

/** Mean durations in milliseconds. */
const MEAN = { authentication: 2, dispatch: 0.05, work: 8, network: 0.7, queue: 400, job: 60, redelivery: 5_000 }

/** Simulates traces, one after the other, each from its first request to its last. */
export class TraceSimulation {
  readonly #settings: LogSettings
  readonly #random: Random
  readonly #processes: Processes
  readonly #expected: ExpectedCollector
  readonly #emit: (record: SimulatedRecord) => void
  /** How many requests still have to get stuck. */
  #stuckLeft: number

  constructor(
    settings: LogSettings,
    random: Random,
    processes: Processes,
    expected: ExpectedCollector,
    emit: (record: SimulatedRecord) => void,
  ) {
    this.#settings = settings
    this.#random = random
    this.#processes = processes
    this.#expected = expected
    this.#emit = emit
    this.#stuckLeft = settings.stuck
  }

  /** Whether more requests have to start. */
  get hasMore(): boolean {
    return this.#expected.results.requests < this.#settings.requests
  }

  /** Emits all records of one trace. */
  runTrace(start: number): void {
    const { idKind, services, requests, asyncShare, deniedShare } = this.#settings
    const random = this.#random
    const process = this.#pickProcess(services[0])
    const traceId = newTraceId(idKind, start + process.skewMs, this.#expected.results.traces, random)
    this.#expected.addTrace(traceId, requests)
    const isAsync = services.length > 1 && random.chance(asyncShare)
    const stuckIn = this.#pickStuckState(isAsync)
    const request = new RequestSimulation(
      { traceId, requestId: newRequestId(random) },
      process,
      start,
      stuckIn,
      this.#emit,
    )
    request.start(isAsync ? 'POST' : 'GET', random.pick(PATHS))
    this.#runFirstRequest(request, start, isAsync, stuckIn === undefined && random.chance(deniedShare))
    this.#collectStuck(request)
  }

  #runFirstRequest(request: RequestSimulation, start: number, isAsync: boolean, isDenied: boolean): void {
    const random = this.#random
    let at = start + random.exponential(MEAN.authentication)
    if (isDenied) {
      const error = random.chance(0.5) ? { error: { type: 'Denied', message: 'bad token' } } : {}
      request.transition('AUTH_ERROR', 'Failed', at, { outcome: 'denied', status: 401, ...error })
      return
    }
    if (!request.transition('AUTH_OK', 'Authenticated', at)) return
    at += random.exponential(MEAN.dispatch)
    if (!request.transition('PROCESS', 'Processing', at)) return
    at = this.#callServices(request, at, this.#settings.services.slice(1, -1), true)
    if (!isAsync) this.#respond(request, at)
    else if (request.transition('ENQUEUE', 'Queued', at)) this.#runJob(request, at)
  }

  /** Simulates a call to another service, which does not authenticate; returns the time at which it responds. */
  #callService(caller: RequestSimulation, service: string, start: number, remaining: string[]): number {
    const random = this.#random
    const { traceId, requestId } = caller.ids
    const ids = { traceId, requestId: newRequestId(random), parentId: requestId }
    const request = new RequestSimulation(
      ids,
      this.#pickProcess(service),
      start,
      this.#pickStuckState(false),
      this.#emit,
    )
    request.start('GET', `/${service}/${random.integer(10_000)}`)
    let at = start + random.exponential(MEAN.dispatch)
    if (
      request.transition('AUTH_OK', 'Authenticated', start, { implied: true }) &&
      request.transition('PROCESS', 'Processing', at)
    ) {
      at = this.#callServices(request, at, remaining, false)
      this.#respond(request, at)
    }
    this.#collectStuck(request)
    return at
  }

  /**
   * Calls the remaining services, all of them or only some and leaves the rest to the caller; returns the time at which
   * it is done.
   */
  #callServices(request: RequestSimulation, start: number, remaining: string[], all: boolean): number {
    const random = this.#random
    let at = start + random.exponential(MEAN.work)
    while (this.hasMore && remaining.length > 0 && (all || random.chance(0.3))) {
      const sent = at + random.exponential(MEAN.network)
      if (request.state !== 'Processing' || !request.isAliveAt(sent)) break
      at = this.#callService(request, remaining.shift() ?? '', sent, remaining) + random.exponential(MEAN.network)
    }
    return at
  }

  #respond(request: RequestSimulation, at: number): void {
    const fields = this.#random.chance(this.#settings.errorShare)
      ? ({ outcome: 'error', status: 500, error: this.#random.pick(ERRORS) } as const)
      : ({ outcome: 'ok', status: 200 } as const)
    request.transition('RESPOND', 'Responded', at, fields)
  }

  /** Responds to the caller of a queued request, and lets the worker complete it, sometimes twice. */
  #runJob(request: RequestSimulation, queued: number): void {
    const { redeliveredShare, errorShare, services } = this.#settings
    const random = this.#random
    const responded = queued + random.exponential(MEAN.dispatch)
    request.note('RESPOND', responded, { outcome: 'ok', status: 202, duration_ms: request.ageAt(responded) })
    const worker = services.at(-1) ?? services[0]
    const attempts = random.chance(redeliveredShare) ? 2 : 1
    let at = queued + random.exponential(MEAN.queue)
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      // Half of those that get stuck in Queued are never delivered.
      if (request.isStuck && random.chance(0.5)) return
      if (!request.deliver(this.#pickProcess(worker), at, attempt)) return
      at += random.exponential(MEAN.job)
      const fields = random.chance(errorShare)
        ? ({ outcome: 'error', error: random.pick(ERRORS) } as const)
        : ({ outcome: 'ok' } as const)
      if (request.transition('COMPLETE', 'Completed', at, fields) && attempt > 1) this.#expected.results.duplicates += 1
      if (request.state !== 'Completed') return
      at += random.exponential(MEAN.redelivery)
    }
  }

  #pickProcess(service: string): Process {
    const processes = this.#processes.get(service)
    if (processes === undefined) throw new Error(`there is no service ${service}`)
    return this.#random.pick(processes)
  }

  /**
   * Counts a request that is about to start, and picks the state in which it gets stuck. All remaining requests are
   * equally likely to.
   */
  #pickStuckState(isAsync: boolean): string | undefined {
    const { results } = this.#expected
    const isStuck =
      this.#stuckLeft > 0 && this.#random.chance(this.#stuckLeft / (this.#settings.requests - results.requests))
    results.requests += 1
    if (!isStuck) return undefined
    this.#stuckLeft -= 1
    return isAsync && this.#random.chance(0.5) ? 'Queued' : this.#random.pick(OPEN_STATES)
  }

  #collectStuck({ state, since, service, ids }: RequestSimulation): void {
    if (state === 'Responded' || state === 'Completed' || state === 'Failed') return
    this.#expected.addStuck({ trace_id: ids.traceId, request_id: ids.requestId, service, state, since })
  }
}
