import { oneSpelling } from './record.ts'

/** What can still be read of a damaged line. */
export interface Fragment {
  readonly attempt: number | undefined
  readonly due: number | undefined
  readonly event: string | undefined
  readonly from: string | undefined
  /** The last digits of the request id; all of it if there are 16. */
  readonly requestEnd: string | undefined
  readonly seq: number | undefined
  readonly service: string | undefined
  readonly state: string | undefined
  readonly time: number | undefined
  /** The first characters of the trace id, or all of it. */
  readonly trace: { readonly text: string; readonly isWhole: boolean } | undefined
}

/** Reads a damaged line; undefined unless it was a transition and names its request or the state that was left. */
export function readFragment(text: string): Fragment | undefined {
  const sentence = stringsAfter(text, '"msg":"')
    .map((message) => message.split(' -> '))
    .find((names) => names.length === 2 && names.every(isShort))
  if (sentence === undefined && !text.includes('"lifecycle":"transition"')) return undefined
  const from = shortString(text, 'from') ?? sentence?.[0]
  const requestEnd = requestEndOf(text)
  if (from === undefined && requestEnd === undefined) return undefined
  return {
    attempt: numberAfter(text, '"attempt":', /^\d{1,9}(?=[,}])/),
    due: numberAfter(text, '"due":', /^\d{1,15}(?=[,}])/),
    event: shortString(text, 'event'),
    from,
    requestEnd,
    seq: numberAfter(text, '"seq":', /^\d{1,9}(?=,)/),
    service: shortString(text, 'service'),
    state: shortString(text, 'state') ?? sentence?.[1],
    time: numberAfter(text, '"time":', /^\d{1,15}(?=\W)/),
    trace: traceOf(text),
  }
}

/** Whether a trace id may be that of the damaged line. */
export function mayBeTrace({ trace }: Fragment, id: string): boolean {
  if (trace === undefined) return true
  return trace.isWhole ? oneSpelling(trace.text) === id : id.startsWith(trace.text)
}

/** Damaged lines in the order in which they are used, each once: by time, then by what they say. */
export function inOrder(fragments: readonly Fragment[]): Fragment[] {
  const distinct = new Map(fragments.map((fragment) => [sortKey(fragment), fragment]))
  return [...distinct]
    .sort(([a, x], [b, y]) => (x.time ?? 0) - (y.time ?? 0) || (a < b ? -1 : 1))
    .map(([, fragment]) => fragment)
}

/** All that a damaged line says as one string: the names are in alphabetical order, and what is lost is left out. */
function sortKey({ attempt, due, event, from, requestEnd, seq, service, state, time, trace }: Fragment): string {
  const isWholeTrace = trace?.isWhole === true
  const rest = { requestSuffix: requestEnd, seq, service, state, time, tracePrefix: trace?.text }
  return JSON.stringify({ attempt, due, event, from, isWholeTrace, ...rest })
}

/** What follows each occurrence of a name. */
function textsAfter(text: string, name: string): string[] {
  const texts: string[] = []
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) texts.push(text.slice(at + name.length))
  return texts
}

/** The strings that begin after a name, up to the next quote; none with an escape in it. */
function stringsAfter(text: string, name: string): string[] {
  return textsAfter(text, name)
    .flatMap((rest) => (rest.includes('"') ? [rest.slice(0, rest.indexOf('"'))] : []))
    .filter((value) => !value.includes('\\'))
}

function isShort(value: string): boolean {
  return value.length >= 1 && value.length <= 64
}

function shortString(text: string, name: string): string | undefined {
  return stringsAfter(text, `"${name}":"`).find(isShort)
}

function numberAfter(text: string, name: string, form: RegExp): number | undefined {
  const [digits] = textsAfter(text, name).flatMap((rest) => form.exec(rest)?.[0] ?? [])
  return digits === undefined ? undefined : Number(digits)
}

function traceOf(text: string): Fragment['trace'] {
  for (const rest of textsAfter(text, '"trace_id":"')) {
    const id = /^[A-Za-z0-9._:-]*/.exec(rest)?.[0].slice(0, 128) ?? ''
    if (id !== '') return { text: id, isWhole: rest[id.length] === '"' }
  }
  return undefined
}

/** The request id, even if its beginning was cut: it stands before `seq`. Under six digits it could be of too many. */
function requestEndOf(text: string): string | undefined {
  const whole = stringsAfter(text, '"request_id":"').find((id) => /^[0-9a-f]{16}$/.test(id))
  if (whole !== undefined) return whole
  const pieces = text.split('","seq":')
  for (const [index, piece] of pieces.entries()) {
    const digits = /[0-9a-f]*$/.exec(piece)?.[0] ?? ''
    const isBeforeNumber = /^\d/.test(pieces[index + 1] ?? '')
    if (isBeforeNumber && digits.length >= 6 && digits.length <= 16) return digits
  }
  return undefined
}
