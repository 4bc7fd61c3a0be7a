/** The readable fields of a truncated or corrupted transition line. */
export interface PartialRecord {
  readonly time?: number
  readonly service?: string
  readonly event?: string
  readonly from?: string
  readonly state?: string
  /** The start of the trace id, or all of it if `isWholeTrace`. */
  readonly tracePrefix?: string
  readonly isWholeTrace: boolean
  /** The end of the request id; all of it if it has 16 digits. */
  readonly requestSuffix?: string
  readonly seq?: number
  readonly attempt?: number
  readonly due?: number
}

/**
 * Extracts the readable fields of a damaged line, if it was one of our transitions.
 *
 * They are only used to avoid false "stuck" reports: a request whose last line was cut has left its state.
 *
 * @returns undefined if neither the state before nor the request is readable
 */
export function recoverPartialRecord(text: string): PartialRecord | undefined {
  const trace = /"trace_id":"([A-Za-z0-9._:-]{1,128})("?)/.exec(text)
  const message = /"msg":"([^"\\]{1,64}) -> ([^"\\]{1,64})"/.exec(text)
  const isTransition = text.includes('"lifecycle":"transition"') || message !== null
  // The value before "seq" is the request id, even if its key was cut. Fewer than six digits would match too many ids.
  const requestSuffix = (/"request_id":"([0-9a-f]{16})"/.exec(text) ??
    /(?<![0-9a-f])([0-9a-f]{6,16})","seq":\d/.exec(text))?.[1]
  const event = stringField(text, 'event')
  // A number at the very end may have lost digits.
  const time = /"time":(\d{1,15})(?=\W)/.exec(text)?.[1]
  const seq = /"seq":(\d{1,9}),/.exec(text)?.[1]
  const attempt = /"attempt":(\d{1,9})[,}]/.exec(text)?.[1]
  const due = /"due":(\d{1,15})[,}]/.exec(text)?.[1]
  const from = stringField(text, 'from') ?? message?.[1]
  const state = stringField(text, 'state') ?? message?.[2]
  const service = stringField(text, 'service')
  // `from` is written before `state`: a line with only `state` may be a first line, which leaves no state.
  if (!isTransition || (from === undefined && requestSuffix === undefined)) return undefined
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
    ...(attempt === undefined ? {} : { attempt: Number(attempt) }),
    ...(due === undefined ? {} : { due: Number(due) }),
  }
}

function stringField(text: string, name: string): string | undefined {
  return new RegExp(`"${name}":"([^"\\\\]{1,64})"`).exec(text)?.[1]
}
