import { CallGroup, callGroupKey, numberedCalls, traceKey, type SentCalls } from '../../history/calls.ts'
import type { CallFact } from '../../record/call-facts.ts'
import { FingerprintSet } from '../batch/fingerprint-set.ts'
import type { CallReport, LostCall } from '../report.ts'
import { fingerprintOfText } from './fingerprint-of-text.ts'

/** How many groups of calls are kept in memory. */
export interface CallAuditOptions {
  /** Those of which not all calls are matched: the oldest are given up. */
  readonly maxOpen?: number
  /** Those of which all are, in case that more is said of them: of the oldest, only that they are complete is kept. */
  readonly maxComplete?: number
}

const MAX_OPEN = 1_000_000
const MAX_COMPLETE = 100_000
const MAX_EXAMPLES = 20

interface LostCalls {
  readonly sender: SentCalls
  readonly missing: readonly number[]
}

/**
 * Finds the numbered calls that left no line, from facts in any order. A repeated fact counts once.
 *
 * Its memory is bounded by the options, apart from eight bytes for each group that is no longer kept.
 */
export class CallAudit {
  readonly #maxOpen: number
  readonly #maxComplete: number
  readonly #open = new Map<string, CallGroup>()
  readonly #complete = new Map<string, CallGroup>()
  // Kept, because an iterator that starts anew has to pass over all that was deleted.
  readonly #oldestOpen = this.#open.entries()
  readonly #oldestComplete = this.#complete.entries()
  readonly #doneKeys = new FingerprintSet()
  readonly #givenUpKeys = new FingerprintSet()
  /** The calls of complete groups that are no longer kept, by service. */
  readonly #sent = new Map<string, number>()
  #undecided = 0

  constructor({ maxOpen = MAX_OPEN, maxComplete = MAX_COMPLETE }: CallAuditOptions = {}) {
    this.#maxOpen = maxOpen
    this.#maxComplete = maxComplete
  }

  add(facts: Iterable<CallFact>): void {
    for (const fact of facts) {
      const key = callGroupKey(fact)
      if (key !== undefined) this.#addTo(`${traceKey(fact.trace_id)} ${key}`, fact)
    }
  }

  /** The report so far. */
  report(): CallReport {
    const sent = new Map(this.#sent)
    const lost = new Map<string, LostCalls[]>()
    for (const group of [...this.#open.values(), ...this.#complete.values()]) {
      for (const sender of group.senders) {
        sent.set(sender.service, (sent.get(sender.service) ?? 0) + numberedCalls(sender))
        const missing = group.missing(sender)
        if (missing.length === 0) continue
        const all = lost.get(sender.service)
        if (all === undefined) lost.set(sender.service, [{ sender, missing }])
        else all.push({ sender, missing })
      }
    }
    const services = [...sent]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([service, count]) => {
        const calls = lost.get(service) ?? []
        return [
          service,
          { sent: count, lost: sum(calls, ({ missing }) => missing.length), examples: examplesOf(calls) },
        ] as const
      })
    return {
      sent: sum(services, ([, { sent: count }]) => count),
      lost: sum(services, ([, { lost: count }]) => count),
      undecided: this.#undecided,
      services: Object.fromEntries(services),
    }
  }

  #addTo(key: string, fact: CallFact): void {
    const known = this.#open.get(key) ?? this.#complete.get(key)
    const group = known ?? this.#newGroup(key, fact)
    if (group === undefined) return
    const wasComplete = known?.complete
    group.add(fact)
    const isComplete = group.complete
    if (isComplete === wasComplete) return
    if (wasComplete !== undefined) (wasComplete ? this.#complete : this.#open).delete(key)
    if (isComplete) this.#complete.set(key, group)
    else this.#open.set(key, group)
    if (this.#open.size > this.#maxOpen) this.#giveUpOldest()
    if (this.#complete.size > this.#maxComplete) this.#forgetOldest()
  }

  /** Undefined for a group that was in memory before: whether its calls have arrived can no longer be known. */
  #newGroup(key: string, fact: CallFact): CallGroup | undefined {
    const fingerprint = fingerprintOfText(key)
    if (this.#doneKeys.has(...fingerprint)) return undefined
    if (!this.#givenUpKeys.has(...fingerprint)) return new CallGroup()
    if (fact.kind === 'sent') this.#undecided += numberedCalls({ attempt: fact.attempt, sent: fact.calls })
    return undefined
  }

  #giveUpOldest(): void {
    const [key, group] = nextOf(this.#oldestOpen)
    this.#open.delete(key)
    this.#givenUpKeys.add(...fingerprintOfText(key))
    this.#undecided += sum(group.senders, (sender) => group.missing(sender).length)
  }

  #forgetOldest(): void {
    const [key, group] = nextOf(this.#oldestComplete)
    this.#complete.delete(key)
    this.#doneKeys.add(...fingerprintOfText(key))
    for (const sender of group.senders)
      this.#sent.set(sender.service, (this.#sent.get(sender.service) ?? 0) + numberedCalls(sender))
  }
}

/** The next entry of a map that has one: what an iterator has passed was deleted. */
function nextOf(entries: MapIterator<[string, CallGroup]>): [string, CallGroup] {
  const next = entries.next()
  if (next.done === true) throw new RangeError('the map is empty')
  return next.value
}

/** The earliest lost calls: the same ones in whatever order the lines were read. */
function examplesOf(lost: readonly LostCalls[]): LostCall[] {
  return [...lost]
    .sort((a, b) => a.sender.time - b.sender.time || (tieBreaker(a) < tieBreaker(b) ? -1 : 1))
    .slice(0, MAX_EXAMPLES)
    .flatMap(({ sender: { traceId, requestId, attempt, service, sent }, missing }) =>
      missing.slice(0, MAX_EXAMPLES).map((call) => ({
        trace_id: traceId,
        request_id: requestId,
        ...(attempt === undefined ? {} : { attempt }),
        service,
        call,
        of: sent,
      })),
    )
    .slice(0, MAX_EXAMPLES)
}

function tieBreaker({ sender: { traceId, requestId, attempt = 0 } }: LostCalls): string {
  return `${traceId} ${requestId} ${String(attempt).padStart(16, '0')}`
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
