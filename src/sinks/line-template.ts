import { constantFields, levelOf, message, type LineLevel } from '../record/line.ts'
import type { LifecycleRecord, TransitionRecord } from '../record/record.ts'
import { appendFields, isPlain } from '../record/write-fields.ts'
import { isolatedPino } from './_isolated-pino.ts'
import { PerEdgeCache } from './_per-edge-cache.ts'

/**
 * Renders the lines of plain transitions byte for byte as pino does, at a third of the cost.
 *
 * pino writes one line per edge, which becomes a template; the values of each record are inserted into it. Records with
 * fields that other lines can have too, such as an error or data, are left to pino.
 */
export class LineTemplates {
  readonly #templates: Readonly<Record<LineLevel, PerEdgeCache<LineTemplate>>>
  /** The ids of the last line, up to the value of `seq`: the next line is often of the same request. */
  #ids = ''
  #traceId = ''
  #requestId = ''

  constructor(service: string) {
    const templates = (level: LineLevel): PerEdgeCache<LineTemplate> =>
      new PerEdgeCache((record) => createTemplate(record, level, service))
    this.#templates = { info: templates('info'), warn: templates('warn'), error: templates('error') }
  }

  /** The line of a record, with its line feed; undefined if pino has to write it. */
  render(record: LifecycleRecord): string | undefined {
    if (!isPlain(record)) return undefined
    const template = this.#templates[levelOf(record.lifecycle, record.outcome)].get(record)
    // Every concatenation costs, so what consecutive lines share is joined once.
    if (template.time !== record.time) {
      template.time = record.time
      template.head = `${template.beforeTime}${String(record.time)}${template.beforeIds}`
    }
    if (this.#requestId !== record.request_id || this.#traceId !== record.trace_id) {
      this.#requestId = record.request_id
      this.#traceId = record.trace_id
      this.#ids = `${JSON.stringify(record.trace_id)},"request_id":${JSON.stringify(record.request_id)},"seq":`
    }
    return appendFields(template.head + this.#ids + String(record.seq), record) + template.end
  }
}

/** The parts that all lines of one edge share. */
interface LineTemplate {
  /** The time of the last such line, and that line up to the ids. */
  time: number
  head: string
  readonly beforeTime: string
  readonly beforeIds: string
  readonly end: string
}

function createTemplate(record: TransitionRecord, level: LineLevel, service: string): LineTemplate {
  let line = ''
  // JSON escapes this character, so it is in no other place of the line.
  const placeholder = '\u0000'
  const logger = isolatedPino(() => `,"time":${placeholder}`, { write: (text) => void (line = text) })
  logger.child({ service, ...constantFields(record) })[level]({ trace_id: '' }, message(record))
  const [beforeTime = '', rest = ''] = line.split(placeholder)
  const endOfId = rest.indexOf(EMPTY_TRACE_ID) + EMPTY_TRACE_ID.length
  return {
    time: Number.NaN,
    head: '',
    beforeTime,
    beforeIds: rest.slice(0, endOfId - '""'.length),
    end: rest.slice(endOfId),
  }
}

const EMPTY_TRACE_ID = ',"trace_id":""'
