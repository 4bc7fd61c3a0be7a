/** The number of lines that a server writes per request, by kind. */
export interface LineCounts {
  /** A line for each state the request enters. */
  readonly state?: number
  /** A line about the whole request. */
  readonly summary?: number
  readonly span?: number
}

export interface ServerVariant {
  readonly name: string
  readonly program: string
  readonly writes: LineCounts
  /** Whether the response has the trace id in `x-trace-id`. */
  readonly returnsTraceId: boolean
}

const STATES = { state: 4 }

export const BARE: ServerVariant = { name: 'bare node:http', program: 'bare', writes: {}, returnsTraceId: false }
export const PINO_HTTP: ServerVariant = {
  name: 'pino-http',
  program: 'pino-http',
  writes: { summary: 1 },
  returnsTraceId: false,
}
export const OPEN_TELEMETRY: ServerVariant = {
  name: 'OpenTelemetry http',
  program: 'open-telemetry',
  writes: { span: 1 },
  returnsTraceId: false,
}
export const OPEN_TELEMETRY_AND_PINO_HTTP: ServerVariant = {
  name: 'OpenTelemetry + pino-http',
  program: 'open-telemetry-and-pino-http',
  writes: { span: 1, summary: 1 },
  returnsTraceId: false,
}
export const THROUGHLINE: ServerVariant = {
  name: 'throughline',
  program: 'throughline',
  writes: STATES,
  returnsTraceId: true,
}
export const THROUGHLINE_TURN: ServerVariant = {
  name: "throughline, durability: 'turn'",
  program: 'throughline-turn',
  writes: STATES,
  returnsTraceId: true,
}

export const SERVERS: readonly ServerVariant[] = [
  BARE,
  PINO_HTTP,
  { name: 'by hand', program: 'by-hand', writes: STATES, returnsTraceId: true },
  { name: 'evlog', program: 'evlog', writes: { summary: 1 }, returnsTraceId: false },
  OPEN_TELEMETRY,
  OPEN_TELEMETRY_AND_PINO_HTTP,
  { name: 'XState actor', program: 'xstate-actor', writes: STATES, returnsTraceId: true },
  THROUGHLINE,
  THROUGHLINE_TURN,
  { name: "throughline, durability: 'line'", program: 'throughline-line', writes: STATES, returnsTraceId: true },
  { name: "throughline, the user's pino", program: 'throughline-user-pino', writes: STATES, returnsTraceId: true },
]

export function linesPerRequest({ writes: { state = 0, summary = 0, span = 0 } }: ServerVariant): number {
  return state + summary + span
}
