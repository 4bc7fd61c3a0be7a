import { channel } from 'node:diagnostics_channel'
import type { StateInfo } from '../machine/table.ts'
import type { LifecycleRecord } from '../record/record.ts'
import { InFlight } from './in-flight.ts'
import type { Settings } from './settings.ts'
import type { TrackedRequest } from './tracked-request.ts'

/**
 * Every record of every tracker of the process, for whoever subscribes; it costs nothing unheard.
 *
 * @example diagnostics_channel.subscribe('throughline:record', (record) => …)
 */
const records = channel('throughline:record')

/** Counts since the tracker was made. */
export interface TrackerStats {
  /** Requests that began here or were resumed here. */
  readonly requests: number
  readonly transitions: number
  /** Signals that a state did not accept. */
  readonly rejected: number
  /** Requests that this process is to move on. */
  readonly inFlight: number
  /** Times that a logger, sink, clock or other part of tracking failed. */
  readonly faults: number
}

/** What the requests of one tracker share: settings, sinks, counts, and the list of those in flight. */
export class TrackerCore {
  readonly settings: Settings
  readonly inFlight: InFlight
  #requests = 0
  #transitions = 0
  #rejected = 0

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

  /** Whether anyone wants records: where nobody does, none are made. */
  get hasListeners(): boolean {
    return this.settings.sinks.length > 0 || records.hasSubscribers
  }

  /** A request has come in, or was resumed. */
  onStarted(request: TrackedRequest): void {
    this.#requests += 1
    // A new one has entered its first state here; one that is resumed is where it was.
    if (request.attempt === undefined) this.#transitions += 1
    if (!request.ended) this.inFlight.add(request)
  }

  /** A request has gone over to its state from another one. */
  onTransition(request: TrackedRequest, from: StateInfo): void {
    this.#transitions += 1
    this.inFlight.delete(request, from)
    if (!request.ended) this.inFlight.add(request)
  }

  /** A signal was not accepted. */
  onRejected(): void {
    this.#rejected += 1
  }

  /** A request is no longer this process's to move on. */
  onReleased(request: TrackedRequest): void {
    this.inFlight.delete(request, request.info)
  }

  /** The user's code is about to run: what it may block or kill has to be told of by now. */
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

  /** Notes `SHUTDOWN` on every request in flight, and hands all lines to the operating system. */
  close(): void {
    for (const request of this.inFlight) request.note('SHUTDOWN')
    this.flush()
  }

  /** Hands all lines to the operating system: whoever calls this may be stopped at once. */
  flush(): void {
    for (const sink of this.settings.sinks) this.settings.errors.run(() => sink.flush?.())
  }

  /** Gives a record to every sink. One that throws keeps no other from it, and no request from going on. */
  emit(record: LifecycleRecord): void {
    for (const sink of this.settings.sinks) {
      try {
        // An async function is a sink, too, whatever its type says: unheard, its rejection would end the process.
        this.settings.errors.watch(writtenBy(sink, record))
      } catch (error) {
        this.settings.errors.report(error)
      }
    }
    if (records.hasSubscribers) records.publish(record)
  }
}

function writtenBy(sink: { write(record: LifecycleRecord): unknown }, record: LifecycleRecord): unknown {
  return sink.write(record)
}
