import { readTime } from '../transition/line.ts'
import type { StoryLine } from './report.ts'

/**
 * Reads a line of the application's own, written by any logger that stamps the trace id.
 *
 * @returns undefined for a line without a trace id or a time; `traceId` as it was logged
 */
export function applicationLine(fields: object): { readonly traceId: string; readonly line: StoryLine } | undefined {
  // The cast only names what a parsed object is: any key may hold anything.
  const { trace_id, time, service, request_id, level, msg } = fields as Readonly<Record<string, unknown>>
  const at = readTime(time)
  if (typeof trace_id !== 'string' || at === undefined) return undefined
  return {
    traceId: trace_id,
    line: {
      time: at,
      service: typeof service === 'string' ? service : '',
      request_id: typeof request_id === 'string' ? request_id : null,
      level: typeof level === 'string' || typeof level === 'number' ? level : null,
      msg: typeof msg === 'string' ? msg : '',
    },
  }
}
