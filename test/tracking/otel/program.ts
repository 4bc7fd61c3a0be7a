/**
 * Logs lines of an application and of requests, inside a span and outside. The message of an application's line names
 * the case; the service of a request's line names its logger.
 */
import { trace, type Span } from '@opentelemetry/api'
import { pino } from 'pino'
import { traceMixin } from '../../../src/tracking/trace-mixin.ts'
import { createTracker } from '../../../src/handlers/track-request.ts'
import type { Tracker } from '../../../src/handlers/tracker.ts'

const FOREIGN = { 'x-trace-id': 'abc-123' }
const stamping = pino({ base: null, mixin: traceMixin })
const composed = pino({ base: null, mixin: (...line) => ({ tenant: 'cave', ...traceMixin(...line) }) })
const withoutArguments = pino({ base: null, mixin: () => ({ tenant: 'cave', ...traceMixin() }) })
const plain = pino({ base: null })

const trackers = {
  default: createTracker({ service: 'default' }),
  stamping: createTracker({ service: 'stamping', logger: stamping }),
  binding: createTracker({
    service: 'binding',
    logger: plain.child({ trace_id: 'theirs', span_id: 'theirs', state: 'theirs' }),
  }),
}
const joined = createTracker({
  service: 'joined',
  logger: plain,
  newTraceId: () => trace.getActiveSpan()?.spanContext().traceId ?? '',
})

function inSpan(run: (span: Span) => void): void {
  trace.getTracer('program').startActiveSpan('GET', (span) => {
    run(span)
    span.end()
  })
}

function runRequest(tracker: Tracker): void {
  const request = tracker.start(FOREIGN)
  inSpan(() => request.run(() => request.authenticated()))
  request.note('LOOKED', { shelf: 7 })
  inSpan(() => request.run(() => request.note('FOUND', { shelf: 7 })))
  request.processing()
  inSpan(() => request.responded({ status: 500, error: new Error('no lamp') }))
}

// Twice, since what is cached for the first line of a kind is used for the second.
for (const tracker of Object.values(trackers)) for (let time = 0; time < 2; time += 1) runRequest(tracker)

inSpan((span) => {
  const { traceId, spanId } = span.spanContext()
  plain.info({ traceId, spanId }, 'span')
  stamping.info('no request')
  trackers.default.start(FOREIGN).run(() => {
    stamping.info('another trace')
    composed.info('another trace, composed')
    withoutArguments.info('another trace, no arguments')
    plain.info('not stamped')
    stamping.child({ trace_id: 'bound', request_id: 'bound' }).info('bound')
    stamping.info({ trace_id: 'explicit' }, 'explicit')
  })
  trackers.default.start({ traceparent: `00-${traceId}-${spanId}-01` }).run(() => stamping.info('the same trace'))
  joined.start().run(() => stamping.info('joined'))
})
trackers.default.start(FOREIGN).run(() => {
  stamping.info('no span')
  stamping.child({ trace_id: 'abc-123' }).info('no span, bound')
})
