import { readRecord } from '../../record/line.ts'
import { kindKey, kindOf, type RecordKind } from '../../record/record-batch.ts'
import { literal, matchesAt, type Literal } from './literal.ts'

/** Where the time of a line is, and what precedes it, in the exact form in which pino writes a line. */
export const TIME_AT = 19
export const TIME_DIGITS = 13
export const AFTER_TIME = TIME_AT + TIME_DIGITS
const HEAD = /^\{"level":\d\d,"time":\d{13},/

/** The end of the part that is the same for all lines of one kind. */
const IDS = Buffer.from('"trace_id":"')
const ENDING = /,"msg":"[^"\\\u0000-\u001f\u007f-\u00ff]*"\}$/

/** How many bytes after a line's time must be readable when a template is looked up. */
export const MAX_TEMPLATE_BYTES = 1_024
/** The lines of further kinds take the slow path. */
const MAX_TEMPLATES = 256

/** The bytes between the time and the ids, which are the same on all lines of one kind. */
export interface LineTemplate {
  readonly kind: number
  readonly transition: boolean
  readonly middle: Literal
  /** The message and the end of the line from which the template was learned. Most lines of the kind end like this. */
  readonly end: Literal
}

/** A decision tree over templates. Each of `next` has one of `words` at `offset`; a leaf has a template. */
interface DecisionNode {
  readonly template: LineTemplate | undefined
  readonly offset: number
  readonly words: Int32Array
  readonly next: readonly DecisionNode[]
}

/** Templates learned from lines that took the slow path, so that later lines of the same kind need not. */
export class LineTemplates {
  readonly #known = new Map<string, LineTemplate>()
  #root: DecisionNode = { template: undefined, offset: 0, words: new Int32Array(), next: [] }

  /**
   * The template of the line whose time ends at `at`. Every byte of it has been compared.
   *
   * @param view has at least {@link MAX_TEMPLATE_BYTES} bytes after `at`
   */
  find(view: DataView, at: number): LineTemplate | undefined {
    let node = this.#root
    while (node.template === undefined) {
      const word = view.getInt32(at + node.offset, true)
      let place = 0
      while (place < node.words.length && node.words[place] !== word) place += 1
      const next = node.next[place]
      if (next === undefined) return undefined
      node = next
    }
    return matchesAt(node.template.middle, view, at) ? node.template : undefined
  }

  /**
   * Learns the template of a line that the slow path parsed to a record.
   *
   * The fixed part is verified: it is parsed with known ids and numbers, and used only if these come out unchanged.
   *
   * @param kindFor returns the number of a kind
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
    const template: LineTemplate = {
      kind: kindFor(record),
      transition: record.lifecycle === 'transition',
      middle: literal(bytes),
      end: literal(Buffer.from(`${message}\n`)),
    }
    this.#known.set(name, template)
    this.#root = buildTree(
      [...this.#known].map(([text, known]) => ({ bytes: Buffer.from(text, 'latin1'), template: known })),
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

/** The kind of all lines with these bytes between time and ids; undefined if they contain more than a kind. */
function verified(middle: string): RecordKind | undefined {
  const { time, trace_id, request_id, seq, dwell_ms } = PROBE
  const ids = `${trace_id}","request_id":"${request_id}"`
  const kinds = [`,"seq":${seq},"dwell_ms":${dwell_ms},"msg":"m"}`, ',"msg":"m"}'].map((rest) => {
    const record = parsed(`{"level":30,"time":${time}${middle}${ids}${rest}`)
    if (typeof record !== 'object') return undefined
    const kind = kindOf(record)
    const whole = record.lifecycle === 'transition' ? { ...kind, ...PROBE } : { ...kind, time, trace_id, request_id }
    return sorted(record) === sorted(whole) ? kind : undefined
  })
  const [withSeq, without] = kinds
  // A transition has a seq. Other lines have none, and ignore one.
  if (withSeq === undefined || withSeq.lifecycle === 'transition') return withSeq
  return without !== undefined && kindKey(withSeq) === kindKey(without) ? withSeq : undefined
}

function parsed(text: string): ReturnType<typeof readRecord> {
  try {
    return readRecord(JSON.parse(text))
  } catch {
    // The cut is inside a value.
    return 'damaged'
  }
}

function sorted(fields: object): string {
  return JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface KnownTemplate {
  readonly bytes: Buffer
  readonly template: LineTemplate
}

/** Splits the templates at the offset with the most distinct words, recursively. No template is a prefix of another. */
function buildTree(templates: readonly KnownTemplate[]): DecisionNode {
  const [first] = templates
  if (templates.length === 1 && first !== undefined)
    return { template: first.template, offset: 0, words: new Int32Array(), next: [] }
  const common = Math.min(...templates.map(({ bytes }) => bytes.length)) - 4
  let best: ReadonlyMap<number, readonly KnownTemplate[]> = new Map()
  let offset = 0
  for (let place = 0; place <= common; place += 1) {
    const groups = groupedBy(templates, ({ bytes }) => bytes.readInt32LE(place))
    if (groups.size > best.size) [best, offset] = [groups, place]
  }
  return { template: undefined, offset, words: Int32Array.from(best.keys()), next: [...best.values()].map(buildTree) }
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
