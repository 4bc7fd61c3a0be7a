import { constantFields, levelOf, message, type LineLevel } from '../record/line.ts'
import type { LifecycleRecord, TransitionRecord } from '../record/record.ts'
import { isolatedPino } from './_isolated-pino.ts'
import { PerEdgeCache } from './_per-edge-cache.ts'

/**
 * The lines of plain transitions, byte for byte as pino writes them, at a third of the cost.
 *
 * pino itself writes one line of each step, as a form; the values are then put into its gaps. What carries an error,
 * data or an attempt is left to pino: speed never changes a line.
 */
export class LineTemplates {
  readonly #templates: Readonly<Record<LineLevel, PerEdgeCache<LineTemplate>>>
  /** The ids of the last line, up to the value of `seq`: the next one is often of the same request. */
  #ids = ''
  #traceId = ''
  #requestId = ''

  constructor(service: string) {
    const forms = (level: LineLevel): PerEdgeCache<LineTemplate> =>
      new PerEdgeCache((record) => templateFor(record, level, service))
    this.#templates = { info: forms('info'), warn: forms('warn'), error: forms('error') }
  }

  /** The line of a record, its line feed included; undefined where pino has to write it. */
  render(record: LifecycleRecord): string | undefined {
    if (
      record.lifecycle !== 'transition' ||
      record.error !== undefined ||
      record.data !== undefined ||
      record.attempt !== undefined
    )
      return undefined
    const form = this.#templates[levelOf(record.lifecycle, record.outcome)].get(record)
    // Each piece that is joined costs: what the lines of a moment or of a request share is joined once.
    if (form.time !== record.time) {
      form.time = record.time
      form.head = `${form.upToTime}${String(record.time)}${form.upToIds}`
    }
    if (this.#requestId !== record.request_id || this.#traceId !== record.trace_id) {
      this.#requestId = record.request_id
      this.#traceId = record.trace_id
      this.#ids = `${JSON.stringify(record.trace_id)},"request_id":${JSON.stringify(record.request_id)},"seq":`
    }
    let line = form.head + this.#ids + String(record.seq)
    if (record.dwell_ms !== undefined) line += `,"dwell_ms":${milliseconds(record.dwell_ms)}`
    if (record.parent_id !== undefined) line += `,"parent_id":${JSON.stringify(record.parent_id)}`
    if (record.method !== undefined) line += `,"method":${JSON.stringify(record.method)}`
    if (record.path !== undefined) line += `,"path":${JSON.stringify(record.path)}`
    if (record.rejected_id !== undefined) line += ',"rejected_id":true'
    if (record.rejected_length !== undefined) line += `,"rejected_length":${String(record.rejected_length)}`
    if (record.implied !== undefined) line += ',"implied":true'
    if (record.outcome !== undefined) line += `,"outcome":"${record.outcome}"`
    if (record.status !== undefined) line += `,"status":${JSON.stringify(record.status)}`
    if (record.duration_ms !== undefined) line += `,"duration_ms":${milliseconds(record.duration_ms)}`
    return line + form.end
  }
}

/** What the lines of one step have in common, cut where the values go. */
interface LineTemplate {
  /** The moment of the last such line, and all of it up to the ids. */
  time: number
  head: string
  readonly upToTime: string
  readonly upToIds: string
  readonly end: string
}

function templateFor(record: TransitionRecord, level: LineLevel, service: string): LineTemplate {
  let line = ''
  // No name in a line holds this character as it is: JSON escapes it.
  const gap = '\u0000'
  const logger = isolatedPino(() => `,"time":${gap}`, { write: (text) => void (line = text) })
  logger.child({ service, ...constantFields(record) })[level]({ trace_id: '' }, message(record))
  const [upToTime = '', rest = ''] = line.split(gap)
  const ids = rest.indexOf(NO_TRACE_ID) + NO_TRACE_ID.length
  return { time: Number.NaN, head: '', upToTime, upToIds: rest.slice(0, ids - 2), end: rest.slice(ids) }
}

const NO_TRACE_ID = ',"trace_id":""'

/** The number as JSON has it: most waits are short, and to print a fraction anew each time is slow. */
function milliseconds(ms: number): string {
  const micros = Math.round(ms * 1_000)
  if (micros < 0 || micros >= MAX_CACHED_MICROS || micros / 1_000 !== ms) return String(ms)
  return (cachedNumbers[micros] ??= String(ms))
}

const MAX_CACHED_MICROS = 4_000
/** The microseconds of the first milliseconds, as far as they came. */
const cachedNumbers: (string | undefined)[] = new Array<string | undefined>(MAX_CACHED_MICROS)
