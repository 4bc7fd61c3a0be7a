import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { pinoHttp } from 'pino-http'
import { expect, onTestFinished, test } from 'vitest'
import { foreignLines, type ForeignLine } from '../../../src/story/foreign/foreign-line.ts'
import { linesStream } from '../../lines.ts'
import { root } from '../../sources.ts'
import { HEX, SPAN } from './_samples.ts'

const run = promisify(execFile)
const parseLines = (lines: readonly string[]): readonly ForeignLine[] =>
  lines.flatMap((line) => foreignLines(JSON.parse(line) as object))
const fieldsOf = ({ traceId, line }: ForeignLine): unknown[] => [
  traceId,
  line.service,
  line.request_id,
  line.level,
  line.msg,
]

test.each([
  ['milliseconds', pino.stdTimeFunctions.epochTime, (time: unknown) => time],
  ['seconds', pino.stdTimeFunctions.unixTime, (time: unknown) => Number(time) * 1_000],
  ['ISO 8601', pino.stdTimeFunctions.isoTime, (time: unknown) => Date.parse(String(time))],
])('reads pino with times in %s and the fields of OpenTelemetry', (_, timestamp, inMilliseconds) => {
  const { stream, lines } = linesStream()
  pino({ name: 'pricing', timestamp, mixin: () => ({ trace_id: HEX, span_id: SPAN, trace_flags: '01' }) }, stream).warn(
    'slow',
  )
  expect(parseLines(lines).map(fieldsOf)).toEqual([[HEX, 'pricing', SPAN, 40, 'slow']])
  // pino's lines have a time.
  const written = lines.map((line) => JSON.parse(line) as { time: unknown })
  expect(parseLines(lines).map(({ line }) => line.time)).toEqual(written.map(({ time }) => inMilliseconds(time)))
})

test('reads pino-http, with the trace id in request headers or as the request id', async () => {
  const { stream, lines } = linesStream()
  const logger = pinoHttp({
    genReqId: (req) => String(req.headers['x-trace-id'] ?? ''),
    logger: pino({ name: 'pricing' }, stream),
  })
  const closed: Promise<void>[] = []
  const server = createServer((req, res) => {
    logger(req, res)
    closed.push(new Promise((close) => res.once('close', close)))
    res.end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  // A server that listens on TCP has an address with a port.
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/price?sku=1`
  await fetch(url, { headers: { traceparent: `00-${HEX}-${SPAN}-01` } })
  await fetch(url, { headers: { 'x-trace-id': 'abc-123' } })
  await Promise.all(closed)
  expect(parseLines(lines).map(fieldsOf)).toEqual([
    [HEX, 'pricing', null, 30, 'request completed'],
    ['abc-123', 'pricing', null, 30, 'request completed'],
  ])
})

test('reads evlog, whose wide events have no message', async () => {
  // evlog prints to the console of its process.
  const program = `
    import { createRequestLogger, initLogger } from 'evlog'
    initLogger({ env: { service: 'pricing', environment: 'production' }, pretty: false })
    const event = createRequestLogger({ method: 'GET', path: '/price', requestId: 'r1' })
    event.set({ traceId: '${HEX}', spanId: '${SPAN}' })
    event.error(new Error('no price'))
    event.emit({ status: 500 })`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: root })
  expect(parseLines(`${stdout}${stderr}`.trim().split('\n')).map(fieldsOf)).toEqual([
    [HEX, 'pricing', SPAN, 'error', 'GET /price 500: no price'],
  ])
})
