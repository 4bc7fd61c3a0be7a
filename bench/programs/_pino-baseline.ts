import { randomBytes, randomUUID } from 'node:crypto'
import type { Logger } from 'pino'

/** Ids made beforehand, so that the baseline only writes. */
const IDS = Array.from({ length: 1_024 }, () => ({
  trace_id: randomUUID(),
  request_id: randomBytes(8).toString('hex'),
}))
/** As short as the durations of a lifecycle that runs in one go. */
const MS = 0.002

/**
 * Writes the same four lines per request as throughline, with pino alone and in its cheapest way:
 * what is constant is bound beforehand, once for each of the four.
 *
 * @returns a function that writes the lines of one request
 */
export function pinoBaseline(logger: Logger): () => void {
  const constant = { service: 'shop', lifecycle: 'transition' }
  const received = logger.child({ ...constant, state: 'Received' })
  const authenticated = logger.child({ ...constant, event: 'AUTH_OK', from: 'Received', state: 'Authenticated' })
  const processing = logger.child({ ...constant, event: 'PROCESS', from: 'Authenticated', state: 'Processing' })
  const responded = logger.child({ ...constant, event: 'RESPOND', from: 'Processing', state: 'Responded' })
  let next = 0
  return () => {
    const { trace_id = '', request_id = '' } = IDS[next] ?? {}
    next = (next + 1) % IDS.length
    received.info({ trace_id, request_id, seq: 0, method: 'GET', path: '/products/kettle' }, 'Received')
    authenticated.info({ trace_id, request_id, seq: 1, dwell_ms: MS }, 'Received -> Authenticated')
    processing.info({ trace_id, request_id, seq: 2, dwell_ms: MS }, 'Authenticated -> Processing')
    responded.info(
      { trace_id, request_id, seq: 3, dwell_ms: MS, outcome: 'ok', status: 200, duration_ms: MS },
      'Processing -> Responded',
    )
  }
}

/**
 * Checks that two logs have the same lines, except for the values of ids and times.
 *
 * @returns the bytes per line of each, which differ by the digits of durations
 */
export function compareLogs(
  throughline: string,
  baseline: string,
): { readonly throughline: number; readonly baseline: number } {
  const [lines, baselineLines] = [normalizedLines(throughline), normalizedLines(baseline)]
  const differing = lines.findIndex((line, index) => line !== baselineLines[index])
  if (differing !== -1)
    throw new Error(`pino alone writes other lines:\n${lines[differing] ?? ''}\n${baselineLines[differing] ?? ''}`)
  if (lines.length !== baselineLines.length)
    throw new Error(`${lines.length} lines of throughline, ${baselineLines.length} of pino alone`)
  return { throughline: throughline.length / lines.length, baseline: baseline.length / baselineLines.length }
}

function normalizedLines(log: string): string[] {
  const lines = log.split('\n').filter((line) => line !== '')
  return lines.map((line) =>
    line
      .replaceAll(/"(time|dwell_ms|duration_ms)":[\d.]+/g, '"$1":0')
      .replaceAll(/"(trace_id|request_id)":"[\w-]+"/g, '"$1":""'),
  )
}
