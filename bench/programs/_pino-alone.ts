import { randomBytes, randomUUID } from 'node:crypto'
import type { Logger } from 'pino'

/** Ids made beforehand: pino alone is to do nothing but write. */
const IDS = Array.from({ length: 1_024 }, () => ({ trace_id: randomUUID(), request_id: randomBytes(8).toString('hex') }))
/** As short as durations are where a lifecycle runs through at once. */
const MS = 0.002

/**
 * The four lines that throughline writes of a request, written by pino and nothing else, in the cheapest way there is:
 * what is constant is bound beforehand, once for each of the four.
 *
 * @returns what writes the lines of one request
 */
export function pinoAlone(logger: Logger): () => void {
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
    responded.info({ trace_id, request_id, seq: 3, dwell_ms: MS, outcome: 'ok', status: 200, duration_ms: MS }, 'Processing -> Responded')
  }
}

/**
 * Makes sure that two logs hold the same lines, but for their ids and times, whose values and digits differ.
 *
 * @returns bytes per line of each
 */
export function sameLines(ours: string, theirs: string): { readonly ours: number; readonly theirs: number } {
  const [first, second] = [constantIn(ours), constantIn(theirs)]
  const unlike = first.findIndex((line, index) => line !== second[index])
  if (unlike !== -1) throw new Error(`pino alone writes other lines:\n${first[unlike] ?? ''}\n${second[unlike] ?? ''}`)
  if (first.length !== second.length) throw new Error(`${first.length} lines of throughline, ${second.length} of pino alone`)
  return { ours: ours.length / first.length, theirs: theirs.length / second.length }
}

function constantIn(log: string): string[] {
  const lines = log.split('\n').filter((line) => line !== '')
  return lines.map((line) => line.replaceAll(/"(time|dwell_ms|duration_ms)":[\d.]+/g, '"$1":0').replaceAll(/"(trace_id|request_id)":"[\w-]+"/g, '"$1":""'))
}
