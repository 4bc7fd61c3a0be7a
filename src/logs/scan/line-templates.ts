import { readRecord } from '../../record/line.ts'
import { kindKey, kindOf, type RecordKind } from '../../record/record-batch.ts'
import { literal, standsAt, type Literal } from './literal.ts'

/** Where the time of a line stands, and what comes before it, in the exact form in which pino writes a line. */
export const TIME_AT = 19
export const TIME_DIGITS = 13
export const AFTER_TIME = TIME_AT + TIME_DIGITS
const HEAD = /^\{"level":\d\d,"time":\d{13},/

/** What ends the part of a line that is the same for all lines of its kind. */
const IDS = Buffer.from('"trace_id":"')
const ENDING = /,"msg":"[^"\\\u0000-\u001f\u007f-\u00ff]*"\}$/

/** Bytes that have to be readable after a line's time for a form to be looked for. */
export const MAX_TEMPLATE_BYTES = 1_024
/** A log with more kinds of lines than these is read all the same, by the careful path. */
const MAX_TEMPLATES = 256

/** What stands between the time and the ids: the same bytes on all lines of one kind. */
export interface LineTemplate {
  readonly kind: number
  readonly transition: boolean
  readonly middle: Literal
  /** The message and the end of such a line, as it was when the form was learnt: mostly it is the same again. */
  readonly end: Literal
}

/** Tells forms apart by as few words as needed: at `offset` each of `next` has one of `words`. At its end there is the form. */
interface DecisionNode {
  readonly form: LineTemplate | undefined
  readonly offset: number
  readonly words: Int32Array
  readonly next: readonly DecisionNode[]
}

/** The forms of lines met so far: learnt from lines that were read carefully, so that the next ones need not be. */
export class LineTemplates {
  readonly #known = new Map<string, LineTemplate>()
  #root: DecisionNode = { form: undefined, offset: 0, words: new Int32Array(), next: [] }

  /**
   * The form of the line whose time ends at `at`; every byte of it has been compared.
   *
   * @param view has at least {@link MAX_TEMPLATE_BYTES} bytes after `at`
   */
  find(view: DataView, at: number): LineTemplate | undefined {
    let fork = this.#root
    while (fork.form === undefined) {
      const word = view.getInt32(at + fork.offset, true)
      let place = 0
      while (place < fork.words.length && fork.words[place] !== word) place += 1
      const next = fork.next[place]
      if (next === undefined) return undefined
      fork = next
    }
    return standsAt(fork.form.middle, view, at) ? fork.form : undefined
  }

  /**
   * Learns the form of a line that turned out to be a record.
   *
   * What is the same on each such line is parsed once more, with ids and numbers that are known: only where they come
   * out as they went in do they speak for all lines that begin so.
   *
   * @param kindFor gives each kind its number
   */
  learn(line: Buffer, kindFor: (kind: RecordKind) => number): void {
    const end = line.indexOf(IDS, AFTER_TIME) + IDS.length
    if (end < AFTER_TIME + IDS.length || end - AFTER_TIME > MAX_TEMPLATE_BYTES || this.#known.size >= MAX_TEMPLATES)
      return
    const bytes = line.subarray(AFTER_TIME, end)
    const name = bytes.toString('latin1')
    if (this.#known.has(name) || !HEAD.test(line.toString('latin1', 0, AFTER_TIME + 1))) return
    const record = verified(bytes.toString('utf8'))
    const message = ENDING.exec(line.toString('latin1'))?.[0]
    if (record === undefined || message === undefined) return
    const form: LineTemplate = {
      kind: kindFor(record),
      transition: record.lifecycle === 'transition',
      middle: literal(bytes),
      end: literal(Buffer.from(`${message}\n`)),
    }
    this.#known.set(name, form)
    this.#root = buildTree(
      [...this.#known].map(([text, known]) => ({ bytes: Buffer.from(text, 'latin1'), form: known })),
    )
  }
}

const PROBE = {
  time: 1_790_000_000_123,
  trace_id: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071',
  request_id: 'b7ad6b7169203331',
  seq: 7,
  dwell_ms: 1.5,
}

/** The kind of all lines with these bytes between time and ids; undefined where they say more than a kind. */
function verified(middle: string): RecordKind | undefined {
  const { time, trace_id, request_id, seq, dwell_ms } = PROBE
  const ids = `${trace_id}","request_id":"${request_id}"`
  const kinds = [`,"seq":${String(seq)},"dwell_ms":${String(dwell_ms)},"msg":"m"}`, ',"msg":"m"}'].map((rest) => {
    const record = parsed(`{"level":30,"time":${String(time)}${middle}${ids}${rest}`)
    if (typeof record !== 'object') return undefined
    const kind = kindOf(record)
    const whole = record.lifecycle === 'transition' ? { ...kind, ...PROBE } : { ...kind, time, trace_id, request_id }
    return sorted(record) === sorted(whole) ? kind : undefined
  })
  const [withSeq, without] = kinds
  // A transition has a seq; anything else has none, and would not mind one.
  if (withSeq === undefined || withSeq.lifecycle === 'transition') return withSeq
  return without !== undefined && kindKey(withSeq) === kindKey(without) ? withSeq : undefined
}

function parsed(text: string): ReturnType<typeof readRecord> {
  try {
    return readRecord(JSON.parse(text))
  } catch {
    // Cut at a place that is inside of a value.
    return 'damaged'
  }
}

function sorted(fields: object): string {
  return JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface KnownTemplate {
  readonly bytes: Buffer
  readonly form: LineTemplate
}

/** The fork that parts these forms most evenly, and so on beneath it. No form is the beginning of another one. */
function buildTree(told: readonly KnownTemplate[]): DecisionNode {
  const [first] = told
  if (told.length === 1 && first !== undefined)
    return { form: first.form, offset: 0, words: new Int32Array(), next: [] }
  const common = Math.min(...told.map(({ bytes }) => bytes.length)) - 4
  let best: ReadonlyMap<number, readonly KnownTemplate[]> = new Map()
  let offset = 0
  for (let place = 0; place <= common; place += 1) {
    const groups = groupedBy(told, ({ bytes }) => bytes.readInt32LE(place))
    if (groups.size > best.size) [best, offset] = [groups, place]
  }
  return { form: undefined, offset, words: Int32Array.from(best.keys()), next: [...best.values()].map(buildTree) }
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
