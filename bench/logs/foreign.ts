import type { LifecycleRecord } from '../../src/record/record.ts'
import type { Random } from './random.ts'

/** A line that an application's own pino has written. */
export interface ForeignLine {
  readonly text: string
  /** It has the trace's id, as `traceMixin` stamps it. */
  readonly traced: boolean
}

/** What the application says while it is at work on a request, in the moment of one of our lines. */
export function foreignLine({ time, service, trace_id, request_id }: LifecycleRecord, random: Random): ForeignLine {
  const head = `,"time":${time},"service":"${service}"`
  const ids = `,"trace_id":"${trace_id}","request_id":"${request_id}"`
  const number = random.below(10_000)
  switch (random.below(4)) {
    case 0:
      return { traced: true, text: `{"level":30${head}${ids},"product":${number},"msg":"cache hit"}\n` }
    case 1:
      return { traced: true, text: `{"level":40${head}${ids},"err":{"type":"Error","message":"lock ${number} is taken","stack":"Error: lock ${number} is taken\\n    at lock (stock.js:7:9)"},"msg":"trying again"}\n` }
    case 2:
      return { traced: false, text: `{"level":30${head},"rows":${number},"took_ms":${number / 1_000},"msg":"select \\"id\\" from products"}\n` }
    default:
      // A name of ours with a meaning of its own.
      return { traced: false, text: `{"level":30${head},"lifecycle":"boot","req":{"method":"GET","url":"/products/${number}"},"msg":"{\\"state\\":\\"ready\\"}"}\n` }
  }
}
