import { channel } from 'node:diagnostics_channel'
import type { StateInfo } from '../machine/table.ts'
import type { LifecycleRecord } from '../record/record.ts'
import type { CallRecord, Sink } from '../record/sink.ts'
import { InFlight, type InFlightEntry } from './in-flight.ts'
import type { Settings } from './settings.ts'

/**
 * Publishes every record of every tracker of the process; costs nothing without subscribers.
 *
 * @example diagnostics_channel.subscribe('throughline:record', (record) => …)
 */
const records = channel('throughline:record')

/**
 * Publishes the record of every propagated call of every tracker of the process, when the call has ended.
 *
 * @example diagnostics_channel.subscribe('throughline:call', (record) => …)
 */
const calls = channel('throughline:call')

/** Counts since the tracker was created. */
export interface TrackerStats {
  /** Requests that started or were resumed here. */
  readonly requests: number
  readonly transitions: number
  /** Signals that a state did not accept. */
  readonly rejected: number
  /** Requests that this process is responsible for. */
  readonly inFlight: number
  /** Times that a logger, sink, clock or other part of tracking failed. */
  readonly faults: number
}

/** The members of a request that its tracker uses. */
export interface CoreRequest<Request> extends InFlightEntry<Request> {
  readonly ended: boolean
  note(event: string): void
}

/** What the requests of one tracker share: settings, sinks, counts, and the list of requests in flight. */
export class TrackerCore<Request extends CoreRequest<Request>> {
  readonly settings: Settings
  readonly inFlight: InFlight<Request>
  /** Whether its requests leave no line, in this process or in another. */
  readonly isIgnoring: boolean = false
  #requests = 0
  #transitions = 0
  #rejected = 0
  #ignoring: TrackerCore<Request> | undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.inFlight = new InFlight(settings.table)
  }

  get stats(): TrackerStats {
    return {
      requests: this.#requests,
      transitions: this.#transitions,
      rejected: this.#rejected,
      inFlight: this.inFlight.size,
      faults: this.settings.errors.count,
    }
  }

  /** The core of requests that are ignored. */
  get ignoring(): TrackerCore<Request> {
    return (this.#ignoring ??= new IgnoringCore<Request>(this.settings))
  }

  /** Whether anyone consumes records; without consumers, none are created. */
  get hasListeners(): boolean {
    return this.settings.sinks.length > 0 || records.hasSubscribers
  }

  /** Whether anyone wants the records of calls; otherwise calls are not measured. */
  get hasCallListeners(): boolean {
    return this.settings.observesCalls || calls.hasSubscribers
  }

  /** A request has come in, or was resumed. */
  onStarted(request: Request): void {
    this.#requests += 1
    // A new request has entered its first state here; a resumed one was in its state before.
    if (request.attempt === undefined) this.#transitions += 1
    if (!request.ended) this.inFlight.add(request)
  }

  /** A request has entered its state from another one. */
  onTransition(request: Request, from: StateInfo): void {
    this.#transitions += 1
    this.inFlight.delete(request, from)
    if (!request.ended) this.inFlight.add(request)
  }

  /** A signal was not accepted. */
  onRejected(): void {
    this.#rejected += 1
  }

  /** This process is no longer responsible for a request. */
  onReleased(request: Request): void {
    this.inFlight.delete(request, request.info)
  }

  /** The user's code is about to run, and may block or kill the process: sinks write what they hold. */
  beforeHandler(): void {
    for (const sink of this.settings.earlySinks) {
      try {
        sink.beforeHandler()
      } catch (error) {
        this.settings.errors.report(error)
      }
    }
  }

  /** Whether no request is in flight. */
  get idle(): boolean {
    return this.inFlight.size === 0
  }

  /** Notes `SHUTDOWN` on every request in flight, and flushes the sinks. */
  close(): void {
    for (const request of this.inFlight) request.note('SHUTDOWN')
    this.flush()
  }

  /** Flushes the sinks: the process may be stopped right after this. */
  flush(): void {
    for (const sink of this.settings.sinks) this.settings.errors.run(() => sink.flush?.())
  }

  /** Gives a record to every sink. A sink that throws affects neither the other sinks nor the request. */
  emit(record: LifecycleRecord): void {
    for (const sink of this.settings.sinks) {
      try {
        // An async function may serve as `write`, whatever the type says: its rejection would end the process.
        this.settings.errors.watch(resultOfWrite(sink, record))
      } catch (error) {
        this.settings.errors.report(error)
      }
    }
    if (records.hasSubscribers) records.publish(record)
  }

  /** Gives the record of a call to every sink that takes them. */
  emitCall(record: CallRecord): void {
    for (const sink of this.settings.sinks) this.settings.errors.run(() => resultOfCall(sink, record))
    if (calls.hasSubscribers) calls.publish(record)
  }
}

function resultOfCall(sink: Sink, record: CallRecord): unknown {
  return sink.call?.(record)
}

/** What ignored requests share: they have ids, a state and a context, but no lines, and are counted nowhere. */
class IgnoringCore<Request extends CoreRequest<Request>> extends TrackerCore<Request> {
  override readonly isIgnoring = true

  override get hasListeners(): boolean {
    return false
  }

  override get hasCallListeners(): boolean {
    return false
  }

  override onStarted(): void {
    // Counted nowhere.
  }

  override onTransition(): void {
    // Not in flight.
  }

  override onRejected(): void {
    // Counted nowhere.
  }

  override onReleased(): void {
    // Was not in flight.
  }

  override beforeHandler(): void {
    // No line is waiting.
  }

  override emit(): void {
    // No line.
  }
}

function resultOfWrite(sink: { write(record: LifecycleRecord): unknown }, record: LifecycleRecord): unknown {
  return sink.write(record)
}
