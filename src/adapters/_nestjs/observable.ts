import type { CallHandler } from '@nestjs/common'
import type { HttpAdapterHost } from '@nestjs/core'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import { unsupportedHost } from '../_unsupported-host.ts'

/** What a handler returns within Nest: an Observable. */
export type HandlerResult = ReturnType<CallHandler<unknown>['handle']>

interface Subscriber {
  next(value: unknown): void
  error(error: unknown): void
  complete(): void
}

/** The class of Observables: `subscribe` runs for each subscriber, and returns what unsubscribes it. */
export type ObservableConstructor = new (subscribe: (subscriber: Subscriber) => () => void) => HandlerResult

/**
 * Nest's own class of Observables. There may be several copies of rxjs, and this way it is no further dependency.
 *
 * @throws ThroughlineError THROUGHLINE_HOST_UNSUPPORTED before Nest 11, which has no such Observable
 */
export function observableClassOf({ init$ }: Partial<Pick<HttpAdapterHost, 'init$'>>): ObservableConstructor {
  if (init$ === undefined) throw unsupportedHost('nestjs', 'NestJS 11')
  // All Observables of rxjs have this constructor, also those made by operators.
  return init$.constructor as ObservableConstructor
}

/** What runs around an Observable and after it. */
export interface EndObserver {
  /** Runs the code that creates the Observable or subscribes to it. */
  run<R>(part: () => R): R
  /** Receives the end. It may be called more than once: the first call counts. */
  end(end: RequestEnd): void
}

/** An Observable with the same values whose end is reported: the first of error, completion and unsubscription. */
export function tapEnd(
  Observable: ObservableConstructor,
  create: () => HandlerResult,
  observer: EndObserver,
): HandlerResult {
  const failed = (error: unknown): void => observer.end({ outcome: 'error', error })
  let source: HandlerResult
  try {
    // Nest keeps the context in which the Observable is created, and runs what precedes it in that of the subscriber.
    source = observer.run(create)
  } catch (error) {
    failed(error)
    throw error
  }
  return new Observable((subscriber) => {
    const subscription = observer.run(() =>
      source.subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => {
          failed(error)
          subscriber.error(error)
        },
        complete: () => {
          observer.end({ outcome: 'ok' })
          subscriber.complete()
        },
      }),
    )
    return () => {
      observer.end({ outcome: 'aborted' })
      subscription.unsubscribe()
    }
  })
}
