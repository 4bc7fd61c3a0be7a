import fc from 'fast-check'

/** A malformed or malicious HTTP request. */
export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** Sends `Connection: close`. Without it Node reads on, and the body may be parsed as another request. */
  readonly closes: boolean
}

/** Must not appear in any log: no valid id contains it. */
export const CANARY = 'canary<>'

const VALID_IDS = [
  'abc-123',
  '0af76519-16cd-43dd-8448-eb211c80319c',
  'Order:7_a.b-c',
  'x'.repeat(128),
  '0',
  '__proto__',
  'constructor',
  '1e999',
]
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const HOSTILE_VALUES = [
  '',
  ' ',
  '\t',
  '-',
  '.',
  'undefined',
  'null',
  'NaN',
  'true',
  '[object Object]',
  '{"trace_id":"x"}',
  '"',
  "'",
  '\\',
  '\\u0000',
  '%00',
  '%0d%0aX-Trace-ID:%20x',
  '${jndi:ldap://x}',
  '$(id)',
  '<script>alert(1)</script>',
  "'; DROP TABLE requests; --",
  '../../etc/passwd',
  '\u00e4\u00f6\u00fc',
  '\u00ff\u00fe',
  '\u0080',
  '\u007f',
  '\u001b[31m',
  '\u0000',
  'a\u0000b',
  'a\rb',
  'a\nb',
  'a\r\nb: c',
  'a, b',
  'a,a',
  `${CANARY}\u00e9`,
  ` ${CANARY} `,
  CANARY.repeat(30),
  'x'.repeat(129),
  'x'.repeat(4_096),
  'x'.repeat(15_000),
  'x'.repeat(17_000),
  '\u00e9'.repeat(5_000),
  TRACEPARENT,
  TRACEPARENT.toUpperCase(),
  `${TRACEPARENT}-`,
  TRACEPARENT.replace('00-', 'ff-'),
  TRACEPARENT.replace(/[1-9a-f]/g, '0'),
  'b7ad6b7169203331;Queued;3;1790000000000',
  ';;;',
  'a=1,b=2',
  'a=1,'.repeat(600),
]

const value = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...HOSTILE_VALUES) },
  { weight: 3, arbitrary: fc.constantFrom(...VALID_IDS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')) },
)

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('X-Trace-ID', 'x-trace-id', 'X-TRACE-ID') },
  { weight: 4, arbitrary: fc.constantFrom('traceparent', 'Traceparent', 'tracestate', 'x-lifecycle', 'baggage') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'Content-Length',
      'Transfer-Encoding',
      'Expect',
      'Cookie',
      'Upgrade',
      '__proto__',
      'constructor',
      'toString',
      'X-Trace-ID ',
      '',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }) },
)

export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.record({
  method: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT') },
    fc.constantFrom('get', 'BREW', 'PRI', 'M-SEARCH', 'OPTIONS', '', 'G'.repeat(5_000)),
  ),
  path: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        '/',
        '/ok?x-trace-id=1',
        '/read',
        '//',
        '/\u00e4/\u00ff',
        '*',
        'http://a/b?c#d',
        `/${'a'.repeat(3_000)}`,
        `/${'"\\'.repeat(500)}`,
      ),
    },
    value.map((text) => `/${text}`),
  ),
  headers: fc.array(fc.tuple(name, value), { maxLength: 6 }),
  closes: fc.boolean(),
  body: fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3),
      'GET /read HTTP/1.1\r\nHost: a\r\n\r\nGET',
      '',
      'a=1',
      '0\r\n\r\n',
      'ffffffffffffffff\r\n',
      '5\r\nhello\r\n0\r\n\r\n',
    ),
    value,
  ),
})

/** The request as bytes, in Latin-1. */
export function bytesOf({ method, path, headers, body, closes }: HostileRequest): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: a',
    ...headers.map(([key, text]) => `${key}: ${text}`),
    ...(closes ? ['Connection: close'] : []),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1')
}

/** The id that the server must accept: the request has one valid X-Trace-ID header, and it is unambiguous. */
export function acceptableId({ headers, closes }: HostileRequest): string | undefined {
  if (!closes) return undefined
  if (headers.some(([key, text]) => /[\r\n\0]/.test(key + text) || !/^[A-Za-z-]+$/.test(key))) return undefined
  const [id, ...others] = headers.filter(([key]) => key.toLowerCase() === 'x-trace-id').map(([, text]) => text)
  return id !== undefined && others.length === 0 && VALID_IDS.includes(id) ? id : undefined
}
