import { requestKey } from '../../history/history.ts'
import { applyPartialRecords } from '../../history/apply-partial-records.ts'
import { countsFrom, type Position, type RequestAssessment } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { PartialRecord } from '../../record/partial-record.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import type { StuckEntry } from '../report.ts'
import { DeadlineHeap } from './deadline-heap.ts'
import { RecentlyEnded } from './recently-ended.ts'
import { stuckEntry } from '../report-entries.ts'
import { LiveRequest } from './live-request.ts'
import type { InvalidEntry } from '../report.ts'

/** A request that was reported as stuck, and has moved on. */
export interface MovedOn {
  readonly trace_id: string
  readonly request_id: string
  /** The service that moved it. */
  readonly service: string
  /** The state that it is in now, and since when, in epoch milliseconds. */
  readonly state: string
  readonly since: number
  /** The state that it was stuck in, and for how long. */
  readonly was: string
  readonly stuck_for_ms: number
}

/** What a live audit reports, each once. */
export type Finding =
  | ({ readonly finding: 'stuck' } & StuckEntry)
  | ({ readonly finding: 'moved_on' } & MovedOn)
  | ({ readonly finding: 'invalid' } & InvalidEntry)

/** The machine and the thresholds. */
export interface LiveAuditOptions {
  readonly table: TransitionTable
  /** How long a request may stay in a state that this service moved it to, in milliseconds; `Infinity` for no limit. */
  readonly limitOf: (state: string, service: string) => number
}

/** How much a live audit keeps in memory. */
export interface MemoryUse {
  readonly open: number
  readonly lines: number
  /** Ended requests whose lines are still in memory, and those of which only the end is remembered. */
  readonly resting: number
  readonly ended: number
  readonly deadlines: number
  readonly fragments: number
}

/** The state of a live audit at one time, for a page that shows it. */
export interface LiveSnapshot {
  /** The time of the latest record, in epoch milliseconds; `-Infinity` before the first. */
  readonly latest: number
  /** Requests that have not ended. One in a state without a limit is counted until its lines are discarded. */
  readonly open: number
  /** The requests that are stuck at this time, the oldest first. */
  readonly stuck: readonly StuckEntry[]
  /** How many open requests each service has moved into each state. */
  readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly memory: MemoryUse
}

/** How many requests keep their lines after their end, so that late lines can be assessed with them. */
const MAX_RESTING = 10_000
/** For how many more only the end is remembered: their late lines are ignored. */
const MAX_ENDED = 100_000
/** How many damaged lines wait for a better match; above it they are assigned to the request that fits best by then. */
const MAX_PARTIALS = 1_000

/**
 * An incremental audit, of lines in any order: at any time its stuck requests are those that a batch audit of the lines
 * so far would find.
 *
 * It reads no clock. A line costs as much as its request has lines; a tick costs as much as has changed or falls due.
 * Memory is bounded by the open requests.
 */
export class LiveAudit {
  readonly #table: TransitionTable
  readonly #limitOf: LiveAuditOptions['limitOf']
  readonly #requests = new Map<string, LiveRequest>()
  readonly #changed = new Set<LiveRequest>()
  /** Requests that no deadline is set for, the earliest first. */
  readonly #resting = new Set<LiveRequest>()
  /** Requests that were reported, and are meant to wait by a later line. */
  readonly #mayWait = new Set<LiveRequest>()
  readonly #ended = new RecentlyEnded(MAX_ENDED)
  readonly #deadlines = new DeadlineHeap<LiveRequest>()
  #partials: PartialRecord[] = []
  /** Whether damaged lines or requests were added since the damaged lines were last assigned. */
  #assignmentIsStale = false
  #restedSincePartial = 0
  #findings: Finding[] = []
  #stuck = 0
  #latest = -Infinity

  constructor({ table, limitOf }: LiveAuditOptions) {
    this.#table = table
    this.#limitOf = limitOf
  }

  /** The time of the latest record, in epoch milliseconds; `-Infinity` before the first. */
  get latest(): number {
    return this.#latest
  }

  /** How many requests were reported as stuck and have not moved on. */
  get stuck(): number {
    return this.#stuck
  }

  get memoryUse(): MemoryUse {
    const resting = this.#resting.size
    let lines = 0
    for (const request of this.#requests.values()) lines += request.lines
    const counts = { ended: this.#ended.size, deadlines: this.#deadlines.size, fragments: this.#partials.length }
    return { open: this.#requests.size - resting, resting, lines, ...counts }
  }

  add(record: LifecycleRecord, file = '', line = 0): void {
    this.#latest = Math.max(this.#latest, record.time)
    const key = requestKey(record.trace_id, record.request_id)
    let request = this.#requests.get(key)
    if (request === undefined) {
      if (this.#ended.has(key)) return
      request = new LiveRequest(key)
      this.#requests.set(key, request)
    }
    request.add(record, file, line)
    this.#changed.add(request)
  }

  addPartial(partial?: PartialRecord): void {
    if (partial === undefined) return
    if (this.#partials.length >= MAX_PARTIALS) this.#absorbPartials()
    this.#partials.push(partial)
    this.#assignmentIsStale = true
    this.#restedSincePartial = 0
  }

  /** The findings of the lines since the last call that need no clock: invalid lines, and requests that moved on. */
  drain(): Finding[] {
    this.#assessChanged()
    const findings = this.#findings
    this.#findings = []
    return findings
  }

  /** The same, and the requests that are stuck at that time, in epoch milliseconds. */
  tick(now: number): Finding[] {
    this.#assessChanged()
    if (this.#partials.length > 0 && this.#assignmentIsStale) this.#assignPartials()
    this.#withdrawWaiting(now)
    const early: LiveRequest[] = []
    for (let request = this.#deadlines.popDue(now); request !== undefined; request = this.#deadlines.popDue(now)) {
      // It may have ended, moved on or been reported since its deadline was set.
      if (request.assessment === undefined || request.reportedAt !== undefined || request.due > now) continue
      const { position } = request.assessment
      const entry = stuckEntry(request.assessment, now, this.#limitOf(position.state, position.service))
      if (entry === undefined) early.push(request)
      else {
        this.#findings.push({ finding: 'stuck', ...entry })
        request.reportedAt = position
        this.#stuck += 1
      }
    }
    for (const request of early) this.#deadlines.push(request, request.due)
    if (this.#partials.length > 0 && this.#restedSincePartial > MAX_RESTING) this.#absorbPartials()
    return this.drain()
  }

  /**
   * The present state, for a page. It reports no finding, and changes none that `drain` and `tick` return later. It
   * costs as much as there are requests in memory.
   *
   * @param now the time at which ages are measured, in epoch milliseconds
   */
  snapshot(now: number): LiveSnapshot {
    this.#assessChanged()
    if (this.#partials.length > 0 && this.#assignmentIsStale) this.#assignPartials()
    const states = new Map<string, Map<string, number>>()
    const stuck: StuckEntry[] = []
    let open = 0
    for (const { assessment } of this.#requests.values()) {
      if (assessment === undefined || assessment.ended) continue
      const { state, service } = assessment.position
      const services = states.get(state) ?? new Map<string, number>()
      states.set(state, services.set(service, (services.get(service) ?? 0) + 1))
      open += 1
      const entry = stuckEntry(assessment, now, this.#limitOf(state, service))
      if (entry !== undefined) stuck.push(entry)
    }
    return {
      latest: this.#latest,
      open,
      stuck: stuck.sort((a, b) => a.since - b.since),
      states: Object.fromEntries([...states].map(([state, services]) => [state, Object.fromEntries(services)])),
      memory: this.memoryUse,
    }
  }

  #assessChanged(): void {
    for (const request of this.#changed) {
      for (const entry of request.assess(this.#table)) this.#findings.push({ finding: 'invalid', ...entry })
      if (request.fromWholeLines === undefined) continue
      if (this.#partials.length === 0 || request.fromWholeLines.end !== undefined)
        this.#place(request, request.fromWholeLines)
      this.#assignmentIsStale = true
    }
    this.#changed.clear()
    // In bulk: finding the first element of a set takes longer the more of its elements were deleted.
    if (this.#resting.size > 1.1 * MAX_RESTING) this.#evictResting()
    // Most requests end long before their deadline.
    const open = this.#requests.size - this.#resting.size
    if (this.#deadlines.size > 2 * open + 1_000)
      this.#deadlines.retain((request, at) => request.due === at && request.reportedAt === undefined)
  }

  #evictResting(): void {
    for (const request of this.#resting) {
      if (this.#resting.size <= MAX_RESTING) return
      this.#resting.delete(request)
      this.#requests.delete(request.key)
      this.#restedSincePartial += 1
      // A request in a state without a limit may still go on.
      if (request.assessment?.ended === true) this.#ended.add(request.key)
    }
  }

  #place(request: LiveRequest, assessment: RequestAssessment): void {
    request.assessment = assessment
    const { position, ended } = assessment
    const { state, service, since } = position
    const { reportedAt } = request
    if (reportedAt !== undefined && (ended || state !== reportedAt.state || since > reportedAt.since))
      this.#reportMovedOn(request, assessment, reportedAt)
    else if (reportedAt !== undefined && countsFrom(position) > countsFrom(reportedAt)) this.#mayWait.add(request)
    const due = ended ? Infinity : countsFrom(position) + this.#limitOf(state, service)
    if (due === Infinity) this.#resting.add(request)
    else this.#resting.delete(request)
    if (due === request.due) return
    request.due = due
    if (due < Infinity) this.#deadlines.push(request, due)
  }

  #reportMovedOn(request: LiveRequest, { position, history }: RequestAssessment, reportedAt: Position): void {
    const { state, service, since } = position
    const ids = { trace_id: history.traceId, request_id: history.requestId }
    const [was, stuck_for_ms] = [reportedAt.state, since - reportedAt.since]
    this.#findings.push({ finding: 'moved_on', ...ids, service, state, since, was, stuck_for_ms })
    request.reportedAt = undefined
    request.due = Infinity
    this.#stuck -= 1
  }

  /** Withdraws the reports of requests of which a later line says that they are meant to wait until after `now`. */
  #withdrawWaiting(now: number): void {
    for (const request of this.#mayWait) {
      const { assessment, reportedAt } = request
      if (assessment === undefined || reportedAt === undefined) continue
      const { state, service } = assessment.position
      if (countsFrom(assessment.position) + this.#limitOf(state, service) < now) continue
      this.#reportMovedOn(request, assessment, reportedAt)
      this.#place(request, assessment)
    }
    this.#mayWait.clear()
  }

  /** Assigns each damaged line to the request that it fits best, by what is known now. */
  #assignPartials(): void {
    this.#assignmentIsStale = false
    const candidates = [...this.#requests.values()].flatMap((request) => {
      const { fromWholeLines } = request
      return fromWholeLines === undefined || (fromWholeLines.end !== undefined && fromWholeLines.missing.length === 0)
        ? []
        : [{ request, fromWholeLines }]
    })
    const assessments = applyPartialRecords(
      candidates.map(({ fromWholeLines }) => fromWholeLines),
      this.#partials,
      this.#table,
    )
    for (const [index, { request }] of candidates.entries()) {
      const assessment = assessments[index]
      if (assessment !== undefined) this.#place(request, assessment)
    }
  }

  #absorbPartials(): void {
    this.#assessChanged()
    this.#assignPartials()
    for (const request of this.#requests.values()) request.absorbPartials()
    this.#partials = []
  }
}
