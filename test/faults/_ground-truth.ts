import type { LoadGenerator } from './_load-generator.ts'
import type { MarkReader } from './_mark-reader.ts'
import { isJob } from './_request-kinds.ts'

/** What handlers and clients know of the requests, independently of the logs. All ids are trace ids. */
export interface GroundTruth {
  /** The server's handler has started. */
  readonly started: ReadonlySet<string>
  /** The worker's handler has started. */
  readonly delivered: ReadonlySet<string>
  /** Started, and nothing has happened that could have ended them: the audit must report them. */
  readonly open: ReadonlySet<string>
  /** Node has emitted their end: their lines are out if each is written at once. */
  readonly ended: ReadonlySet<string>
  /** Ended at least one turn of the event loop before the process died: their lines are out in any case. */
  readonly endedEarlier: ReadonlySet<string>
  /** Ended with their response, and the client has all of it. */
  readonly answered: ReadonlySet<string>
  /** Those of `answered` after which another request on the same connection was answered. */
  readonly answeredEarlier: ReadonlySet<string>
}

/** Combines the marks of both processes with what the clients received. */
export function groundTruth(server: MarkReader, worker: MarkReader, load: LoadGenerator): GroundTruth {
  const { started, ending, ended } = lifeMarks(server)
  const { started: delivered, ending: jobEnding, ended: jobEnded } = lifeMarks(worker)
  const sending = server.named('sending')
  const sendFailed = server.named('send-failed')
  const enqueueFailed = server.named('enqueue-failed')
  // A request with a message ends on the server only if sending has failed; otherwise the worker ends it.
  const mayHaveEnded = (id: string): boolean =>
    (ending.has(id) && (!sending.has(id) || sendFailed.has(id))) || jobEnding.has(id)
  const hasEnded =
    (earlierOnly: boolean) =>
    (id: string): boolean => {
      const isMarked = (marks: Marks, { settled }: MarkReader): boolean => {
        const mark = marks.get(id)
        return mark !== undefined && (!earlierOnly || mark.index < settled)
      }
      const onServer = isMarked(ended, server) && (!sending.has(id) || isMarked(enqueueFailed, server))
      return onServer || isMarked(jobEnded, worker)
    }
  const answered = load.sent.filter(
    ({ id, kind, status }) => status !== undefined && (!isJob(kind) || (status === 503 && enqueueFailed.has(id))),
  )
  const lastOf = new Map(answered.map(({ connection, id }) => [connection, id]))
  const answeredEarlier = answered.filter(
    ({ connection, id }) => connection !== undefined && lastOf.get(connection) !== id,
  )
  const ids = [...started.keys()]
  return {
    started: new Set(ids),
    delivered: new Set(delivered.keys()),
    open: new Set(ids.filter((id) => !mayHaveEnded(id))),
    ended: new Set(ids.filter(hasEnded(false))),
    endedEarlier: new Set(ids.filter(hasEnded(true))),
    answered: new Set(answered.map(({ id }) => id)),
    answeredEarlier: new Set(answeredEarlier.map(({ id }) => id)),
  }
}

type Marks = ReturnType<MarkReader['named']>

/** The marks of both processes: the handler starts, the request is about to end, and the library knows of the end. */
function lifeMarks(reader: MarkReader): { readonly started: Marks; readonly ending: Marks; readonly ended: Marks } {
  return { started: reader.named('started'), ending: reader.named('ending'), ended: reader.named('ended') }
}
