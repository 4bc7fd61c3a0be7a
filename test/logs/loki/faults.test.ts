import { describe, expect, it } from 'vitest'
import { lokiAddress } from '../../../src/logs/loki/address.ts'
import type { LokiOptions } from '../../../src/logs/loki/connection.ts'
import { lokiLines } from '../../../src/logs/loki/loki-lines.ts'
import { lokiStandIn, serving, type Behaviour, type Stored } from './_loki.ts'

const START = 1_790_000_000_000
const STORED: Stored = { labels: { app: 'api' }, time: BigInt(START) * 1_000_000n, line: 'here' }
const EMPTY = '{"status":"success","data":{"resultType":"streams","result":[]}}'

interface Outcome {
  readonly texts: string[]
  readonly error: unknown
  readonly waited: number[]
  readonly why: string[]
}

/** Reads all lines, or until an error, without pauses. */
async function outcome(url: string, options: Partial<LokiOptions> = {}): Promise<Outcome> {
  const [texts, waited, why]: [string[], number[], string[]] = [[], [], []]
  const wait = (ms: number): Promise<void> => Promise.resolve(void waited.push(ms))
  try {
    const lines = lokiLines({
      url,
      query: '{app="api"}',
      start: START,
      end: START + 1,
      wait,
      onWait: (reason, ms) => why.push(`${reason} ${ms}`),
      ...options,
    })
    for await (const batch of lines) texts.push(...batch.map(({ text }) => text))
    return { texts, waited, why, error: undefined }
  } catch (error) {
    return { texts, waited, why, error }
  }
}

async function failing(
  faults: Behaviour['faults'],
  options?: Partial<LokiOptions>,
): Promise<Outcome & { readonly attempts: number }> {
  const { url, headers } = await lokiStandIn([STORED], faults === undefined ? {} : { faults })
  const out = await outcome(url, options)
  return { ...out, attempts: headers.length }
}

describe('a failing Loki', () => {
  it.each<[string, NonNullable<Behaviour['faults']>]>([
    ['is busy', [429, 429, 429, 429]],
    ['fails', [500, 502, 503, 504]],
    ['closes connections', ['reset', 'torn', 'reset', 'torn']],
  ])('that %s is queried again after 0.5, 1, 2 and 4 s', async (_, faults) => {
    const { texts, waited, why } = await failing(faults)
    expect(texts).toEqual(['here'])
    expect(waited).toEqual([500, 1_000, 2_000, 4_000])
    expect(why.map((reason) => reason.split(' ').at(-1))).toEqual(waited.map(String))
  })

  it.each<[number | 'reset' | 'torn', RegExp]>([
    [429, /HTTP 429 \(too many outstanding requests\)/],
    [503, /HTTP 503 \(context canceled\)/],
    ['reset', /other side closed|ECONNRESET/],
    ['torn', /other side closed|ECONNRESET/],
  ])('causes an error after the fifth attempt: %s', async (fault, words) => {
    const { error, attempts } = await failing(Array.from({ length: 6 }, () => fault))
    expect(attempts).toBe(5)
    expect(error).toMatchObject({ code: 'THROUGHLINE_LOKI_UNREACHABLE' })
    expect(String(error)).toMatch(
      /^ThroughlineError: no answer from Loki at http:\S+\/loki\/api\/v1\/query_range after 5 attempts, last error: /,
    )
    expect(String(error)).toMatch(words)
    expect(String(error)).toMatch(/check host and port, and that Loki is up; if it is slow, query less$/)
  })

  it('is queried again after the pause that it demands, at most a minute', async () => {
    const answers = ['3', '0', 'Wed, 21 Oct 2099 07:28:00 GMT', '86400']
    const url = await serving((_req, res) => {
      const after = answers.shift()
      if (after === undefined) res.end(EMPTY)
      else res.writeHead(429, { 'retry-after': after }).end()
    })
    expect((await outcome(url)).waited).toEqual([3_000, 1_000, 2_000, 60_000])
  })

  it('causes an error with the reason if the connection is refused', async () => {
    // fetch fails as for a closed port, so that the test needs no closed port.
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:3100'), { code: 'ECONNREFUSED' })
    const { error, waited } = await outcome('http://127.0.0.1:3100', {
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause: refused })),
    })
    expect(waited).toHaveLength(4)
    expect(String(error)).toMatch(/last error: connect ECONNREFUSED 127\.0\.0\.1:3100: check host and port/)
  })

  it('causes an error that says how to trust a certificate', async () => {
    const cause = Object.assign(new Error('self-signed certificate in certificate chain'), {
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    })
    const { error } = await outcome('https://loki.example', {
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause })),
    })
    expect(String(error)).toMatch(
      /\(SELF_SIGNED_CERT_IN_CHAIN\): set NODE_EXTRA_CA_CERTS to the certificate file of your authority$/,
    )
  })

  it('causes an error if it does not answer in time', async () => {
    const url = await serving(() => undefined)
    const { error } = await outcome(url, { timeout: 20 })
    expect(error).toMatchObject({ code: 'THROUGHLINE_LOKI_UNREACHABLE' })
    expect(String(error)).toMatch(/no complete answer within 0\.02 s/)
  })
})

describe('a Loki that refuses a query', () => {
  it.each<[number, string, RegExp]>([
    [
      400,
      'parse error at line 1, col 5: syntax error: unexpected IDENTIFIER\n',
      /HTTP 400 \(parse error at line 1, col 5: syntax error: unexpected IDENTIFIER\): fix --query/,
    ],
    [401, 'no org id\n', /HTTP 401 \(no org id\): set the tenant with --loki-tenant or LOKI_ORG_ID/],
    [401, '', /HTTP 401: set LOKI_USERNAME and LOKI_PASSWORD, or LOKI_BEARER_TOKEN/],
    [403, '<html>Forbidden</html>', /HTTP 403 \(a web page\): set LOKI_USERNAME/],
    [404, '404 page not found\n', /HTTP 404 \(404 page not found\): check the URL/],
    [400, `\u001b[31mred\u0007\u202e\r\n${'x'.repeat(300)}`, /HTTP 400 \(\[31mred x{180,}\.\.\.\): /],
  ])('is queried once, and its reason is in the error: %i %j', async (status, body, message) => {
    let attempts = 0
    const url = await serving((_req, res) => {
      attempts += 1
      res.writeHead(status).end(body)
    })
    const { error } = await outcome(url)
    expect(attempts).toBe(1)
    expect(error).toMatchObject({ code: 'THROUGHLINE_LOKI_REFUSED' })
    expect(String(error)).toMatch(message)
    expect(String(error)).not.toMatch(/\p{Cc}|\p{Cf}/u)
    expect(String(error).length).toBeLessThan(500)
  })

  it.each<[string, RegExp]>([
    ['<!doctype html><title>Sign in</title>', /a web page/],
    ['', /incomplete or invalid JSON/],
    [EMPTY.slice(0, 40), /incomplete or invalid JSON/],
    ['null', /JSON that is not a query_range response/],
    ['[]', /JSON that is not a query_range response/],
    ['{"status":"success","data":{"resultType":"streams"}}', /JSON that is not a query_range response/],
    ['{"data":{"resultType":"matrix","result":[]}}', /a matrix instead of log lines: query lines, without rate\(\)/],
    ['{"data":{"resultType":"streams","result":[null]}}', /a stream without labels or values/],
    ['{"data":{"resultType":"streams","result":[{"stream":{}}]}}', /a stream without labels or values/],
    [
      '{"data":{"resultType":"streams","result":[{"stream":{},"values":[[1790000000000000000,"a"]]}]}}',
      /a value that is not \[nanoseconds, line\]/,
    ],
    [
      '{"data":{"resultType":"streams","result":[{"stream":{},"values":[["1790000000000000000",{}]]}]}}',
      /a value that is not \[nanoseconds, line\]/,
    ],
    [
      '{"data":{"resultType":"streams","result":[{"stream":{},"values":[["1790000000001000000","a"]]}]}}',
      /lines outside the requested range/,
    ],
  ])('is distinguished from a server that is not Loki: %s', async (body, message) => {
    const { error, waited } = await outcome(await serving((_req, res) => void res.end(body)))
    expect(error).toMatchObject({ code: 'THROUGHLINE_LOKI_REFUSED' })
    expect(String(error)).toMatch(message)
    expect(waited).toEqual([])
  })

  it('receives no credentials by a redirect, which is not followed', async () => {
    const seen: unknown[] = []
    const elsewhere = await serving((req, res) => {
      seen.push(req.headers)
      res.end(EMPTY)
    })
    const url = await serving(
      (_req, res) =>
        void res.writeHead(302, { location: `${elsewhere.replace('//', '//user:hush@')}/login?token=hush` }).end(),
    )
    const { error } = await outcome(url, { auth: { bearer: 'hush' } })
    expect(seen).toEqual([])
    expect(String(error)).toContain(`HTTP 302 to ${elsewhere}/login: pass the URL of Loki itself`)
    expect(String(error)).not.toContain('hush')
  })
})

describe('credentials', () => {
  it.each<[Partial<LokiOptions>, string | undefined]>([
    [{}, undefined],
    [{ auth: { username: 'ada', password: 'hüsh' } }, `Basic ${Buffer.from('ada:hüsh').toString('base64')}`],
    [{ auth: { bearer: 'hush' } }, 'Bearer hush'],
  ])('are sent in headers: %j', async (options, authorization) => {
    const { url, headers } = await lokiStandIn([STORED], {
      ...(authorization === undefined ? {} : { authorization }),
      tenant: 'shop',
    })
    expect((await outcome(url, { ...options, tenant: 'shop' })).texts).toEqual(['here'])
    expect(headers[0]?.authorization).toBe(authorization)
    expect(headers[0]?.['x-loki-response-encoding-flags']).toBe('categorize-labels')
  })

  it('in the URL take precedence, and are removed from it', async () => {
    const authorization = `Basic ${Buffer.from('ada@home:h/u%sh').toString('base64')}`
    const { url, headers } = await lokiStandIn([STORED], { authorization })
    expect((await outcome(url.replace('//', '//ada%40home:h%2Fu%25sh@'), { auth: { bearer: 'other' } })).texts).toEqual(
      ['here'],
    )
    expect(headers[0]?.host).toBe(new URL(url).host)
  })

  it.each<Partial<LokiOptions>>([
    { auth: { bearer: 'hush-hush' } },
    { auth: { username: 'ada', password: 'hush-hush' } },
  ])('are not in an error, even if a proxy repeats them: %j', async (options) => {
    const url = await serving(
      (req, res) => void res.writeHead(400).end(`${'x'.repeat(180)} ${req.headers.authorization ?? ''} hush-hush`),
    )
    const { error } = await outcome(url, options)
    expect(String(error)).toContain('***')
    expect(String(error)).not.toMatch(/hush|YWRhOm/)
  })

  it.each<Partial<LokiOptions>>([{ auth: { bearer: 'hush\nhush' } }, { tenant: 'hush\u0000' }])(
    'that are invalid in a header are rejected without repeating them: %j',
    async (options) => {
      const { error, waited } = await outcome('http://127.0.0.1:3100', options)
      expect(error).toMatchObject({ code: 'THROUGHLINE_USAGE' })
      expect(String(error)).not.toContain('hush')
      expect(waited).toEqual([])
    },
  )
})

describe('lokiAddress', () => {
  it.each([
    ['http://loki:3100', 'http://loki:3100/loki/api/v1/query_range'],
    ['http://loki:3100/', 'http://loki:3100/loki/api/v1/query_range'],
    ['HTTPS://Logs.example/a/b//', 'https://logs.example/a/b/loki/api/v1/query_range'],
    ['http://loki:3100/loki/api/v1', 'http://loki:3100/loki/api/v1/query_range'],
    ['http://loki:3100/loki/api/v1/push', 'http://loki:3100/loki/api/v1/query_range'],
    ['http://loki:3100/x/loki/api/v1/query_range?limit=5#here', 'http://loki:3100/x/loki/api/v1/query_range'],
    ['http://loki/loki', 'http://loki/loki/loki/api/v1/query_range'],
    ['http://ada:hush@loki:3100?key=hush', 'http://loki:3100/loki/api/v1/query_range'],
  ])('parses %s', (url, shown) => {
    expect(lokiAddress(url).shown).toBe(shown)
    expect(lokiAddress(url).endpoint.href).not.toContain('hush@')
  })

  it('keeps query parameters, which a gateway may need', () => {
    expect(lokiAddress('http://loki:3100?key=1').endpoint.search).toBe('?key=1')
  })

  it('takes a password literally if its escapes are invalid', () => {
    expect(lokiAddress('http://ada:100%@loki').auth).toEqual({ username: 'ada', password: '100%' })
  })

  it.each([
    '',
    'loki',
    'loki:3100',
    'ftp://loki',
    'ada:hush@loki:3100',
    'htp://ada:hush@loki',
    'http//ada:hush@loki?hush',
    'http://',
  ])('rejects %j without showing what may be secret', (url) => {
    let message = ''
    try {
      lokiAddress(url)
    } catch (error) {
      message = String(error)
    }
    expect(message).toMatch(/is not a Loki URL: write it as http:\/\/loki:3100$/)
    expect(message).not.toContain('hush')
  })
})
