import type { LifecycleRecord } from '../../src/record/record.ts'
import type { Random } from './random.ts'

/** A line that the application logs with its own pino. */
export interface ThirdPartyLine {
  readonly text: string
  /** Whether it has the trace id, as `traceMixin` adds it. */
  readonly traced: boolean
}

/** A line that the application logs while it works on a request, at the time of one of throughline's lines. */
export function thirdPartyLine(
  { time, service, trace_id, request_id }: LifecycleRecord,
  random: Random,
): ThirdPartyLine {
  const head = `,"time":${time},"service":"${service}"`
  const ids = `,"trace_id":"${trace_id}","request_id":"${request_id}"`
  const number = random.integer(10_000)
  switch (random.integer(4)) {
    case 0:
      return { traced: true, text: `{"level":30${head}${ids},"product":${number},"msg":"cache hit"}\n` }
    case 1:
      return {
        traced: true,
        text: `{"level":40${head}${ids},"err":{"type":"Error","message":"lock ${number} is taken","stack":"Error: lock ${number} is taken\\n    at lock (stock.js:7:9)"},"msg":"trying again"}\n`,
      }
    case 2:
      return {
        traced: false,
        text: `{"level":30${head},"rows":${number},"took_ms":${number / 1_000},"msg":"select \\"id\\" from products"}\n`,
      }
    default:
      // Uses throughline's field name `lifecycle` with another meaning.
      return {
        traced: false,
        text: `{"level":30${head},"lifecycle":"boot","req":{"method":"GET","url":"/products/${number}"},"msg":"{\\"state\\":\\"ready\\"}"}\n`,
      }
  }
}
