import { requestKey } from '../../history/history.ts'
import { applyPartialRecords } from '../../history/apply-partial-records.ts'
import type { RequestAssessment } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { PartialRecord } from '../../record/partial-record.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import type { StuckRequest } from '../../record/stuck-request.ts'
import { DeadlineHeap } from './deadline-heap.ts'
import { RecentlyEnded } from './recently-ended.ts'
import { stuckEntry } from '../report-entries.ts'
import { LiveRequest } from './live-request.ts'
import type { InvalidEntry } from '../report.ts'

/** A request that was told as stuck, and is where it was no longer. */
export interface MovedOn {
  readonly trace_id: string
  readonly request_id: string
  /** The service that moved it. */
  readonly service: string
  /** Where it is now, and since when, in epoch milliseconds. */
  readonly state: string
  readonly since: number
  /** Where it was stuck, and how long it had been there. */
  readonly was: string
  readonly stuck_for_ms: number
}

/** What an audit tells while lines come: each thing once. */
export type Finding =
  | ({ readonly finding: 'stuck' } & StuckRequest)
  | ({ readonly finding: 'moved_on' } & MovedOn)
  | ({ readonly finding: 'invalid' } & InvalidEntry)

/** What a live audit is asked. */
export interface LiveAuditOptions {
  readonly table: TransitionTable
  /** How long a request may stay in a state that this service brought it to, in milliseconds; `Infinity` for ever. */
  readonly limitOf: (state: string, service: string) => number
}

/** How much a live audit holds on to. */
export interface MemoryUse {
  readonly open: number
  readonly lines: number
  /** Those that have ended, whose lines are still there; and those of which it is only known. */
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
  readonly stuck: readonly StuckRequest[]
  /** How many open requests each service has moved into each state. */
  readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly memory: MemoryUse
}

/** So many requests keep their lines after their end: what comes late is judged with them. */
const MAX_RESTING = 10_000
/** Of so many more it is known that they have ended: what comes of them is passed over. */
const MAX_ENDED = 100_000
/** So many damaged lines may still be somebody's; then they are taken to be whose they seem. */
const MAX_PARTIALS = 1_000

/**
 * An audit that goes on while lines come, in any order: the stuck requests at a moment are those that an audit of all
 * lines so far would find.
 *
 * It reads no clock. A line costs what its own request has; a tick costs what has changed and what falls due. What it
 * holds on to is bounded by the requests that are open.
 */
export class LiveAudit {
  readonly #table: TransitionTable
  readonly #limitOf: LiveAuditOptions['limitOf']
  readonly #requests = new Map<string, LiveRequest>()
  readonly #changed = new Set<LiveRequest>()
  /** Those that nothing is waited for, the earliest first. */
  readonly #resting = new Set<LiveRequest>()
  readonly #ended = new RecentlyEnded(MAX_ENDED)
  readonly #deadlines = new DeadlineHeap<LiveRequest>()
  #partials: PartialRecord[] = []
  /** Whether fragments or requests have come since the fragments were given to requests. */
  #undecided = false
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

  /** How many requests were told as stuck and have not moved on. */
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

  addPartial(fragment?: PartialRecord): void {
    if (fragment === undefined) return
    if (this.#partials.length >= MAX_PARTIALS) this.#absorbPartials()
    this.#partials.push(fragment)
    this.#undecided = true
    this.#restedSincePartial = 0
  }

  /** What the lines since the last call say, whatever the time is: what is invalid, and who has moved on. */
  drain(): Finding[] {
    this.#assessChanged()
    const findings = this.#findings
    this.#findings = []
    return findings
  }

  /** The same, and who is stuck at that moment, in epoch milliseconds. */
  tick(now: number): Finding[] {
    this.#assessChanged()
    if (this.#partials.length > 0 && this.#undecided) this.#assignPartials()
    const notYet: LiveRequest[] = []
    for (let request = this.#deadlines.popDue(now); request !== undefined; request = this.#deadlines.popDue(now)) {
      // It may have ended, moved on or been told since its deadline was put down.
      if (request.assessment === undefined || request.reportedAt !== undefined || request.due > now) continue
      const { position } = request.assessment
      const entry = stuckEntry(request.assessment, now, this.#limitOf(position.state, position.service))
      if (entry === undefined) notYet.push(request)
      else {
        this.#findings.push({ finding: 'stuck', ...entry })
        request.reportedAt = position
        this.#stuck += 1
      }
    }
    for (const request of notYet) this.#deadlines.push(request, request.due)
    if (this.#partials.length > 0 && this.#restedSincePartial > MAX_RESTING) this.#absorbPartials()
    return this.drain()
  }

  /**
   * The present state, for a page. It reports no finding, and changes none that `drain` and `tick` return later. It costs
   * as much as there are requests in memory.
   *
   * @param now the time at which ages are measured, in epoch milliseconds
   */
  snapshot(now: number): LiveSnapshot {
    this.#assessChanged()
    if (this.#partials.length > 0 && this.#undecided) this.#assignPartials()
    const states = new Map<string, Map<string, number>>()
    const stuck: StuckRequest[] = []
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
      this.#undecided = true
    }
    this.#changed.clear()
    // Many at a time: the more of a set were deleted, the longer it takes to find the first that is left.
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
      // Where it merely may stay for ever it may yet go on.
      if (request.assessment?.ended === true) this.#ended.add(request.key)
    }
  }

  #place(request: LiveRequest, verdict: RequestAssessment): void {
    request.assessment = verdict
    const { position, ended, history } = verdict
    const { state, service, since } = position
    const { reportedAt } = request
    if (reportedAt !== undefined && (ended || state !== reportedAt.state || since > reportedAt.since)) {
      const ids = { trace_id: history.traceId, request_id: history.requestId }
      this.#findings.push({
        finding: 'moved_on',
        ...ids,
        service,
        state,
        since,
        was: reportedAt.state,
        stuck_for_ms: since - reportedAt.since,
      })
      request.reportedAt = undefined
      request.due = Infinity
      this.#stuck -= 1
    }
    const due = ended ? Infinity : since + this.#limitOf(state, service)
    if (due === Infinity) this.#resting.add(request)
    else this.#resting.delete(request)
    if (due === request.due) return
    request.due = due
    if (due < Infinity) this.#deadlines.push(request, due)
  }

  /** Lets all damaged lines speak, each for the request that it fits best by what is known now. */
  #assignPartials(): void {
    this.#undecided = false
    const spokenFor = [...this.#requests.values()].flatMap((request) => {
      const { fromWholeLines } = request
      return fromWholeLines === undefined || (fromWholeLines.end !== undefined && fromWholeLines.missing.length === 0)
        ? []
        : [{ request, fromWholeLines }]
    })
    const verdicts = applyPartialRecords(
      spokenFor.map(({ fromWholeLines }) => fromWholeLines),
      this.#partials,
      this.#table,
    )
    for (const [index, { request }] of spokenFor.entries()) {
      const verdict = verdicts[index]
      if (verdict !== undefined) this.#place(request, verdict)
    }
  }

  #absorbPartials(): void {
    this.#assessChanged()
    this.#assignPartials()
    for (const request of this.#requests.values()) request.absorbPartials()
    this.#partials = []
  }
}
