/** What a server writes of one request, by kind of line. */
export interface Written {
  /** A line for a state that was entered. */
  readonly state?: number
  /** One line that tells of the whole request. */
  readonly summary?: number
  readonly span?: number
}

export interface ServerVariant {
  readonly name: string
  readonly program: string
  readonly writes: Written
  /** Whether the trace id comes back in `x-trace-id`. */
  readonly echoes: boolean
}

const STATES = { state: 4 }

export const BARE: ServerVariant = { name: 'bare node:http', program: 'bare', writes: {}, echoes: false }
export const PINO_HTTP: ServerVariant = { name: 'pino-http', program: 'pino-http', writes: { summary: 1 }, echoes: false }
export const OPEN_TELEMETRY: ServerVariant = { name: 'OpenTelemetry http', program: 'open-telemetry', writes: { span: 1 }, echoes: false }
export const BOTH: ServerVariant = {
  name: 'OpenTelemetry + pino-http',
  program: 'open-telemetry-and-pino-http',
  writes: { span: 1, summary: 1 },
  echoes: false,
}
export const ENTRY: ServerVariant = { name: 'throughline', program: 'throughline', writes: STATES, echoes: true }
export const TURN: ServerVariant = { name: "throughline, durability: 'turn'", program: 'throughline-turn', writes: STATES, echoes: true }

export const SERVERS: readonly ServerVariant[] = [
  BARE,
  PINO_HTTP,
  { name: 'by hand', program: 'by-hand', writes: STATES, echoes: true },
  { name: 'evlog', program: 'evlog', writes: { summary: 1 }, echoes: false },
  OPEN_TELEMETRY,
  BOTH,
  { name: 'XState actor', program: 'xstate-actor', writes: STATES, echoes: true },
  ENTRY,
  TURN,
  { name: "throughline, durability: 'line'", program: 'throughline-line', writes: STATES, echoes: true },
  { name: "throughline, the user's pino", program: 'throughline-own-pino', writes: STATES, echoes: true },
]

/** How many lines a request leaves. */
export function linesOf({ writes: { state = 0, summary = 0, span = 0 } }: ServerVariant): number {
  return state + summary + span
}
