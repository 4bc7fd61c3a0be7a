import { channel } from 'node:diagnostics_channel'
import type { Edge } from '../lifecycle/table.ts'
import type { LifecycleRecord } from '../transition/record.ts'
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
  readonly inFlight = new InFlight()
  #requests = 0
  #transitions = 0
  #rejected = 0

  constructor(settings: Settings) {
    this.settings = settings
  }

  get stats(): TrackerStats {
    return {
      requests: this.#requests,
      transitions: this.#transitions,
      rejected: this.#rejected,
      inFlight: this.inFlight.size,
      faults: this.settings.faults.count,
    }
  }

  /** A request has entered its state: by an edge, or, without one, by coming in. */
  entered(request: TrackedRequest, edge: Edge | undefined): void {
    if (edge === undefined) this.#requests += 1
    else this.inFlight.delete(request, edge.from)
    if (!request.ended) this.inFlight.add(request)
  }

  /** A request is no longer this process's to move on. */
  left(request: TrackedRequest): void {
    this.inFlight.delete(request, request.state)
  }

  /** Gives a record to every sink. One that throws keeps no other from it, and no request from going on. */
  emit(record: LifecycleRecord): void {
    if (record.lifecycle === 'transition') this.#transitions += 1
    else if (record.lifecycle === 'rejected') this.#rejected += 1
    for (const sink of this.settings.sinks) {
      try {
        sink.write(record)
      } catch (error) {
        this.settings.faults.report(error)
      }
    }
    if (records.hasSubscribers) records.publish(record)
  }
}
