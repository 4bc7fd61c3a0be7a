import type { CallHandler } from '@nestjs/common'
import type { HttpAdapterHost } from '@nestjs/core'
import type { RequestEnd } from '../../tracking/finish-request.ts'

/** What a handler gives in Nest: an Observable. */
export type Stream = ReturnType<CallHandler<unknown>['handle']>

interface Subscriber {
  next(value: unknown): void
  error(error: unknown): void
  complete(): void
}

/** Makes an Observable from what happens when somebody subscribes, who is given a way back. */
export type ObservableConstructor = new (subscribe: (subscriber: Subscriber) => () => void) => Stream

/** The class of Nest's Observables: of rxjs there may be several copies, and Nest's own is no dependency more. */
export function observableClassOf({ init$ }: Pick<HttpAdapterHost, 'init$'>): ObservableConstructor {
  // Every Observable of rxjs is made by this class, whatever it was made of.
  return init$.constructor as ObservableConstructor
}

/** What is done around a stream and after it. */
export interface EndObserver {
  /** Runs what begins the stream, and whatever the stream begins. */
  run<R>(part: () => R): R
  /** Told how it went, perhaps more than once: the first call counts. */
  end(how: RequestEnd): void
}

/** The same values, with an eye on the first of error, completion and unsubscribing. */
export function tapEnd(NewStream: ObservableConstructor, begin: () => Stream, watch: EndObserver): Stream {
  const failed = (error: unknown): void => watch.end({ outcome: 'error', error })
  let source: Stream
  try {
    // Nest keeps the context in which it is asked for a stream, and what is before the stream has only that of who subscribes.
    source = watch.run(begin)
  } catch (error) {
    failed(error)
    throw error
  }
  return new NewStream((subscriber) => {
    const subscription = watch.run(() =>
      source.subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => {
          failed(error)
          subscriber.error(error)
        },
        complete: () => {
          watch.end({ outcome: 'ok' })
          subscriber.complete()
        },
      }),
    )
    return () => {
      watch.end({ outcome: 'aborted' })
      subscription.unsubscribe()
    }
  })
}
