/** The fields of a third-party log line that a story uses. */
export const FIELD_ROLES = ['trace_id', 'request_id', 'time', 'service', 'level', 'msg'] as const

/** One of {@link FIELD_ROLES}. */
export type Role = (typeof FIELD_ROLES)[number]

/** Field names by role, dotted for nested fields. They are tried in order, before {@link DEFAULT_FIELD_NAMES}. */
export type FieldNames = Readonly<Partial<Record<Role, readonly string[]>>>

/**
 * The field names of common loggers by role, in the order in which they are tried: our own name first, then those of
 * OpenTelemetry, ECS, Google Cloud, Datadog and loggers of several languages.
 *
 * A span counts as a request: the `span_id` of an instrumented service is our `request_id`.
 */
export const DEFAULT_FIELD_NAMES: Readonly<Record<Role, readonly string[]>> = {
  trace_id: [
    'trace_id',
    'traceId',
    'traceID',
    'traceid',
    'TraceId',
    'trace-id',
    'trace.id',
    'trace',
    '@tr',
    'otelTraceID',
    'logging.googleapis.com/trace',
    'mdc.trace_id',
    'mdc.traceId',
    'contextMap.trace_id',
    'contextMap.traceId',
    'traceContext.traceId',
    '_trace_id',
    'x-trace-id',
    'x_trace_id',
    'dd.trace_id',
    'traceparent',
    'req.headers.x-trace-id',
    'req.headers.traceparent',
    'req.id',
    'correlation_id',
    'correlationId',
  ],
  request_id: [
    'request_id',
    'span_id',
    'spanId',
    'spanID',
    'spanid',
    'SpanId',
    'span-id',
    'span.id',
    '@sp',
    'otelSpanID',
    'logging.googleapis.com/spanId',
    'mdc.span_id',
    'mdc.spanId',
    'contextMap.span_id',
    'contextMap.spanId',
    'traceContext.spanId',
    'transaction.id',
  ],
  time: ['time', 'timestamp', '@timestamp', 'ts', '@t', 'datetime', 'date', 'created', 'asctime', 'Timestamp'],
  service: [
    'service',
    'service.name',
    'service_name',
    'serviceName',
    'resource.service.name',
    'otelServiceName',
    'dd.service',
    'serviceContext.service',
    'app',
    'app.name',
    'app_name',
    'appName',
    'application',
    'name',
    'component',
    'container_name',
    'kubernetes.container_name',
  ],
  level: [
    'level',
    'severity',
    'log.level',
    'levelname',
    'lvl',
    'log_level',
    'loglevel',
    'severity_text',
    'severityText',
    '@l',
    'Level',
  ],
  msg: [
    'msg',
    'message',
    'short_message',
    'event',
    '@m',
    '@mt',
    'body',
    'textPayload',
    'jsonPayload.message',
    'jsonPayload.msg',
    'Message',
  ],
}

/** The fields that make up for the message that a wide event does not have. */
export const WIDE_EVENT_FIELD_NAMES = {
  method: ['method', 'req.method', 'request.method', 'http.request.method', 'http.method', 'httpRequest.requestMethod'],
  path: [
    'path',
    'route',
    'url',
    'uri',
    'req.url',
    'request.url',
    'request.path',
    'http.route',
    'url.path',
    'http.target',
    'httpRequest.requestUrl',
  ],
  status: [
    'status',
    'statusCode',
    'status_code',
    'res.statusCode',
    'response.status',
    'http.response.status_code',
    'http.status_code',
    'httpRequest.status',
  ],
  event: ['event.name', 'event_name', 'eventName', 'event.action', 'action', 'operation', 'type'],
  error: ['error.message', 'err.message', 'exception.message', 'error', 'err'],
} as const
