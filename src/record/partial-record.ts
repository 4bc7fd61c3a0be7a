/** What is left of one of our lines that was torn, cut or overwritten. */
export interface PartialRecord {
  readonly time?: number
  readonly service?: string
  readonly event?: string
  readonly from?: string
  readonly state?: string
  /** The beginning of a trace id, or all of it where `traceWhole`. */
  readonly tracePrefix?: string
  readonly isWholeTrace: boolean
  /** The end of a request id; all of it where it has 16 digits. */
  readonly requestSuffix?: string
  readonly seq?: number
}

/**
 * Salvages what a damaged line still says, if it was a transition of ours.
 *
 * It proves nothing by itself. But a request of which the last line was cut must not be called stuck while the
 * rest of that line lies beside it.
 *
 * @returns undefined where neither the state before nor the request is left
 */
export function recoverPartialRecord(text: string): PartialRecord | undefined {
  const trace = /"trace_id":"([A-Za-z0-9._:-]{1,128})("?)/.exec(text)
  const sentence = /"msg":"([^"\\]{1,64}) -> ([^"\\]{1,64})"/.exec(text)
  const transition = text.includes('"lifecycle":"transition"') || sentence !== null
  // What stands before "seq" is the request's id, even where its name was cut. Fewer digits would speak for too many.
  const requestSuffix = (/"request_id":"([0-9a-f]{16})"/.exec(text) ??
    /(?<![0-9a-f])([0-9a-f]{6,16})","seq":\d/.exec(text))?.[1]
  const event = field(text, 'event')
  // A number at the very end may have lost digits.
  const time = /"time":(\d{1,15})(?=\W)/.exec(text)?.[1]
  const seq = /"seq":(\d{1,9}),/.exec(text)?.[1]
  const from = field(text, 'from') ?? sentence?.[1]
  const state = field(text, 'state') ?? sentence?.[2]
  const service = field(text, 'service')
  // Written in this order, a state with nothing before it is that of a first line, which moves nobody.
  if (!transition || (from === undefined && requestSuffix === undefined)) return undefined
  return {
    isWholeTrace: trace?.[2] === '"',
    ...(time === undefined ? {} : { time: Number(time) }),
    ...(service === undefined ? {} : { service }),
    ...(event === undefined ? {} : { event }),
    ...(from === undefined ? {} : { from }),
    ...(state === undefined ? {} : { state }),
    ...(trace?.[1] === undefined ? {} : { tracePrefix: trace[1] }),
    ...(requestSuffix === undefined ? {} : { requestSuffix }),
    ...(seq === undefined ? {} : { seq: Number(seq) }),
  }
}

function field(text: string, name: string): string | undefined {
  return new RegExp(`"${name}":"([^"\\\\]{1,64})"`).exec(text)?.[1]
}
