import type { RequestAssessment } from '../history/assess.ts'
import { callFactsIn, callGroupKey, groupCalls, type CallGroup } from '../history/calls.ts'
import type { RequestHistory } from '../history/history.ts'
import { isObject } from '../machine/is-object.ts'
import type { NoteRecord } from '../record/record.ts'
import { attemptSlot, parseCallId } from '../trace/call-id.ts'
import { describeCall } from './call-text.ts'
import type { StoryCall, StoryCalls, StoryRequest } from './report.ts'

/** What began a request. */
type Cause = Pick<StoryRequest, 'parent_id' | 'call' | 'call_attempt' | 'waited_ms'>

/** How many lost calls of a sender are named. */
const MAX_NAMED = 20

/** Who called whom in one trace, and which calls left no line. */
export class CallsOfTrace {
  readonly #histories: ReadonlyMap<string, RequestHistory>
  readonly #groups: ReadonlyMap<string, CallGroup>

  constructor(assessments: readonly RequestAssessment[]) {
    const histories = assessments.map(({ history }) => history)
    this.#histories = new Map(histories.map((history) => [history.requestId, history]))
    this.#groups = groupCalls(callFactsIn(histories))
  }

  /** The call that began a request: by the id of its caller, or by that of a numbered call. */
  causeOf(parentId: string | undefined): Cause {
    const parsed = parentId === undefined || this.#histories.has(parentId) ? undefined : parseCallId(parentId)
    const caller = parsed === undefined ? undefined : this.#histories.get(parsed.requestId)
    if (parsed === undefined || caller === undefined)
      return { parent_id: parentId ?? null, call: null, waited_ms: null }
    const { slot, call } = parsed
    const attempt = slot === undefined ? undefined : attemptWith(slot, caller)
    return {
      parent_id: caller.requestId,
      call,
      ...(attempt === undefined ? {} : { call_attempt: attempt }),
      waited_ms: this.#loggedCall(caller, attempt, call)?.duration_ms ?? null,
    }
  }

  /** The calls of a request, those of its attempts last. */
  sentBy(history: RequestHistory): StoryCalls[] {
    const counts = new Map<number | undefined, number>()
    for (const { record } of history.transitions) {
      const { attempt, calls = 0 } = record
      if (calls > (counts.get(attempt) ?? 0)) counts.set(attempt, calls)
    }
    return [...counts].map(([attempt, sent]) => ({
      ...(attempt === undefined ? {} : { attempt }),
      sent,
      missing: this.#missing(history, attempt, sent),
    }))
  }

  /** One sentence for each lost call. */
  gapsOf(history: RequestHistory): string[] {
    return this.sentBy(history).flatMap(({ attempt, sent, missing }) => {
      const sender = attempt === undefined ? '' : `attempt ${String(attempt)}, `
      const named = missing.slice(0, MAX_NAMED).map((call) => {
        const logged = this.#loggedCall(history, attempt, call)
        const details = logged === undefined ? '' : ` (${describeCall(logged)})`
        return `${sender}call ${String(call)} of ${String(sent)}: no line in these logs${details}`
      })
      const more = missing.length - named.length
      return more === 0
        ? named
        : [...named, `${sender}${String(more)} more calls of ${String(sent)}: no line in these logs`]
    })
  }

  #missing({ requestId }: RequestHistory, attempt: number | undefined, sent: number): readonly number[] {
    const key = callGroupKey({ kind: 'unsent', trace_id: '', request_id: requestId, attempt, first: 0, last: 0 })
    const group = key === undefined ? undefined : this.#groups.get(key)
    return group?.missing({ attempt, sent }) ?? []
  }

  #loggedCall(caller: RequestHistory, attempt: number | undefined, call: number): StoryCall | undefined {
    const note = caller.notes.find(({ record }) => record.attempt === attempt && callOf(record)?.call === call)
    return note === undefined ? undefined : callOf(note.record)
  }
}

/** The attempt of a caller whose calls have these numbers: of several the last, and if no line shows one, the first. */
function attemptWith(slot: number, { transitions, notes }: RequestHistory): number {
  const attempts = [...transitions, ...notes].flatMap(({ record }) => record.attempt ?? [])
  return Math.max(slot + 1, ...attempts.filter((attempt) => attemptSlot(attempt) === slot))
}

/** The call that a note reports. */
export function callOf({ event, data }: NoteRecord): StoryCall | undefined {
  if (event !== 'CALL' || !isObject(data) || typeof data.call !== 'number') return undefined
  const { call, target, method, path, outcome, status, duration_ms } = data
  return {
    call,
    target: textOrNull(target) ?? '',
    method: textOrNull(method),
    path: textOrNull(path),
    outcome: textOrNull(outcome),
    status: numberOrNull(status),
    duration_ms: numberOrNull(duration_ms),
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
