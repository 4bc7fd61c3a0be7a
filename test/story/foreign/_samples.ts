/** The trace and the span of all lines in this file. */
export const HEX = '019a2b3c4d5e7f608a1b2c3d4e5f6071'
export const SPAN = 'b7ad6b7169203331'

/** The story line expected for a line. */
interface ExpectedLine {
  readonly service: string
  readonly request_id: string | null
  readonly level: number | string | null
  readonly msg: string
}

/** A line from the documentation of each logger, all at 14:13:20.123 UTC, with the expected story line. */
export const LINES: Readonly<Record<string, readonly [fields: object, expected: ExpectedLine]>> = {
  "Go's slog": [
    {
      time: '2026-09-21T16:13:20.123+02:00',
      level: 'INFO',
      msg: 'priced',
      service: 'pricing',
      trace_id: HEX,
      span_id: SPAN,
    },
    { service: 'pricing', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  zap: [
    { level: 'warn', ts: 1_790_000_000.123, caller: 'pricing/main.go:43', msg: 'slow', traceId: HEX, spanId: SPAN },
    { service: '', request_id: SPAN, level: 'warn', msg: 'slow' },
  ],
  "zap's ISO 8601": [
    { level: 'info', ts: '2026-09-21T09:13:20.123-0500', message: 'priced', trace_id: HEX },
    { service: '', request_id: null, level: 'info', msg: 'priced' },
  ],
  zerolog: [
    { level: 'info', service: 'pricing', trace_id: HEX, time: 1_790_000_000.123, message: 'priced' },
    { service: 'pricing', request_id: null, level: 'info', msg: 'priced' },
  ],
  bunyan: [
    {
      name: 'pricing',
      hostname: 'h1',
      pid: 7,
      level: 30,
      trace_id: HEX,
      span_id: SPAN,
      msg: 'priced',
      time: '2026-09-21T14:13:20.123Z',
      v: 0,
    },
    { service: 'pricing', request_id: SPAN, level: 30, msg: 'priced' },
  ],
  winston: [
    {
      level: 'info',
      message: 'priced',
      service: 'pricing',
      timestamp: '2026-09-21T14:13:20.123Z',
      trace_id: HEX,
      span_id: SPAN,
      trace_flags: '01',
    },
    { service: 'pricing', request_id: SPAN, level: 'info', msg: 'priced' },
  ],
  structlog: [
    {
      event: 'priced',
      logger: 'pricing.api',
      level: 'info',
      timestamp: '2026-09-21T14:13:20.123000Z',
      trace_id: HEX,
      span_id: SPAN,
    },
    { service: '', request_id: SPAN, level: 'info', msg: 'priced' },
  ],
  'python-json-logger': [
    {
      message: 'priced',
      levelname: 'INFO',
      name: 'pricing',
      asctime: '2026-09-21 14:13:20,123',
      otelTraceID: HEX,
      otelSpanID: SPAN,
      otelServiceName: 'pricing-svc',
    },
    { service: 'pricing-svc', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  'ECS, flat': [
    {
      '@timestamp': '2026-09-21T14:13:20.123Z',
      'log.level': 'INFO',
      message: 'priced',
      'service.name': 'pricing',
      'trace.id': HEX,
      'transaction.id': SPAN,
    },
    { service: 'pricing', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  'ECS, nested': [
    {
      '@timestamp': '2026-09-21T14:13:20.123Z',
      log: { level: 'INFO' },
      message: 'priced',
      service: { name: 'pricing' },
      trace: { id: HEX },
      span: { id: SPAN },
    },
    { service: 'pricing', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  'Google Cloud': [
    {
      severity: 'ERROR',
      time: '2026-09-21T14:13:20.123000000Z',
      message: 'no price',
      'logging.googleapis.com/trace': `projects/shop-1/traces/${HEX}`,
      'logging.googleapis.com/spanId': SPAN,
      serviceContext: { service: 'pricing' },
    },
    { service: 'pricing', request_id: SPAN, level: 'ERROR', msg: 'no price' },
  ],
  'a Google Cloud export': [
    {
      timestamp: '2026-09-21T14:13:20.123Z',
      severity: 'INFO',
      trace: `projects/shop-1/traces/${HEX}`,
      spanId: SPAN,
      jsonPayload: { message: 'priced' },
    },
    { service: '', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  Datadog: [
    {
      timestamp: '2026-09-21T14:13:20.123Z',
      level: 'info',
      message: 'priced',
      dd: { trace_id: HEX, span_id: '8640125871', service: 'pricing', env: 'prod' },
    },
    { service: 'pricing', request_id: null, level: 'info', msg: 'priced' },
  ],
  Serilog: [
    {
      '@t': '2026-09-21T14:13:20.1230000Z',
      '@mt': 'priced {Sku}',
      '@l': 'Warning',
      '@tr': HEX,
      '@sp': SPAN,
      Sku: 'A1',
    },
    { service: '', request_id: SPAN, level: 'Warning', msg: 'priced {Sku}' },
  ],
  'Logback with MDC': [
    {
      '@timestamp': '2026-09-21T14:13:20.123Z',
      level: 'INFO',
      message: 'priced',
      mdc: { traceId: HEX, spanId: SPAN },
      app: 'pricing',
    },
    { service: 'pricing', request_id: SPAN, level: 'INFO', msg: 'priced' },
  ],
  GELF: [
    { version: '1.1', host: 'h1', short_message: 'priced', timestamp: 1_790_000_000.123, level: 6, _trace_id: HEX },
    { service: '', request_id: null, level: 6, msg: 'priced' },
  ],
  'a logged traceparent header': [
    { level: 'info', ts: '1790000000123', msg: 'priced', traceparent: `00-${HEX}-${SPAN}-01` },
    { service: '', request_id: null, level: 'info', msg: 'priced' },
  ],
}

const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } })
const resource = { attributes: [attribute('service.name', 'pricing'), attribute('k8s.pod.name', 'pricing-7')] }

/** A line of OTLP log records: a string body, an object body, a trace id in the attributes, and no trace id. */
export const OTLP_LOGS = {
  resourceLogs: [
    {
      resource,
      scopeLogs: [
        {
          scope: { name: 'pricing.api' },
          logRecords: [
            {
              timeUnixNano: '1790000000123000000',
              severityNumber: 9,
              severityText: 'INFO',
              body: { stringValue: 'priced' },
              attributes: [],
              traceId: HEX,
              spanId: SPAN,
            },
            {
              timeUnixNano: '0',
              observedTimeUnixNano: '1790000000124000000',
              severityNumber: 17,
              body: { kvlistValue: { values: [attribute('message', 'no price')] } },
              traceId: HEX.toUpperCase(),
              spanId: '',
            },
            {
              timeUnixNano: '1790000000125000000',
              attributes: [
                attribute('trace_id', HEX),
                attribute('http.request.method', 'GET'),
                attribute('url.path', '/a?b=1'),
                { key: 'http.response.status_code', value: { intValue: '503' } },
              ],
            },
            { timeUnixNano: '1790000000126000000', body: { stringValue: 'started' }, traceId: '', spanId: '' },
          ],
        },
      ],
    },
  ],
}

/** A line of OTLP spans: one that succeeded, one that failed, one that has not ended. */
export const OTLP_SPANS = {
  resourceSpans: [
    {
      resource,
      scopeSpans: [
        {
          spans: [
            {
              traceId: HEX,
              spanId: SPAN,
              parentSpanId: '',
              name: 'GET /price',
              kind: 2,
              startTimeUnixNano: '1790000000123000000',
              endTimeUnixNano: '1790000000135000000',
              status: {},
            },
            {
              traceId: HEX,
              spanId: 'b7ad6b7169203332',
              parentSpanId: SPAN,
              name: 'SELECT',
              startTimeUnixNano: '1790000000124000000',
              endTimeUnixNano: '1790000000126500000',
              status: { code: 2, message: 'deadline exceeded' },
            },
            { traceId: HEX, spanId: 'b7ad6b7169203333', name: 'cache', startTimeUnixNano: '1790000000125000000' },
          ],
        },
      ],
    },
  ],
}
