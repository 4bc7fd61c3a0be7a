import { isJob, type Kind } from './_kinds.ts'
import type { Load } from './_load.ts'
import type { Marked } from './_printed-marks.ts'

/** What the handlers and the clients know of the requests at the end, whatever the logs say; ids of traces throughout. */
export interface Truth {
  /** The handler of the server has begun. */
  readonly begun: ReadonlySet<string>
  /** The handler of the worker has begun. */
  readonly worked: ReadonlySet<string>
  /** Begun, and nothing has happened that could have ended them: an audit has to name them. */
  readonly open: ReadonlySet<string>
  /** Told as ended: the lines are out, where they are written one by one. */
  readonly told: ReadonlySet<string>
  /** Told as ended at least one turn of the event loop before the process died: the lines are out, however they are written. */
  readonly settled: ReadonlySet<string>
  /** Ended with their answer, and the client has all of it. */
  readonly answered: ReadonlySet<string>
  /** Of these, the ones after which another one was answered on the same connection. */
  readonly followed: ReadonlySet<string>
}

/** Puts together what the two processes have marked and what the clients got. */
export function truthOf(server: Marked, worker: Marked, load: Load): Truth {
  const { begin, closing, closed } = bounds(server)
  const { begin: working, closing: ending, closed: ended } = bounds(worker)
  const [sending, refused, caught] = [server.of('sending'), server.of('refused'), server.of('caught')]
  // The end of an answer waits until it is known whether the message was taken, and a request that was handed over has another end.
  const perhapsOver = (id: string): boolean =>
    (closing.has(id) && (!sending.has(id) || refused.has(id))) || ending.has(id)
  const over =
    (settledOnly: boolean) =>
    (id: string): boolean => {
      const is = (marks: Marks, { settled }: Marked): boolean => {
        const mark = marks.get(id)
        return mark !== undefined && (!settledOnly || mark.index < settled)
      }
      return (is(closed, server) && (!sending.has(id) || is(caught, server))) || is(ended, worker)
    }
  const answered = load.sent.filter(
    ({ id, kind, status }) => status !== undefined && (!isJob(kind) || (status === 503 && caught.has(id))),
  )
  const last = new Map(answered.map(({ connection, id }) => [connection, id]))
  const ids = [...begin.keys()]
  return {
    begun: new Set(ids),
    worked: new Set(working.keys()),
    open: new Set(ids.filter((id) => !perhapsOver(id))),
    told: new Set(ids.filter(over(false))),
    settled: new Set(ids.filter(over(true))),
    answered: new Set(answered.map(({ id }) => id)),
    followed: new Set(
      answered
        .filter(({ connection, id }) => connection !== undefined && last.get(connection) !== id)
        .map(({ id }) => id),
    ),
  }
}

type Marks = ReturnType<Marked['of']>

/** What both processes mark of a request: that its handler begins, that it is about to end, and that the library knows. */
function bounds(marked: Marked): { readonly begin: Marks; readonly closing: Marks; readonly closed: Marks } {
  return { begin: marked.of('begin'), closing: marked.of('closing'), closed: marked.of('closed') }
}

/** What a request of the load was to become, as its id says. */
export function kindOf(id: string): Kind {
  // Ids of the load are made of the kind and a number.
  return id.slice(0, id.indexOf('.')) as Kind
}
