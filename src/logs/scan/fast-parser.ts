import { FIELD_NAMES, FIELDS, type Field, type FieldKind } from '../../record/fields.ts'
import { capacityOf, ROW, TRACE_IS_TEXT } from '../../record/record-batch.ts'
import type { LoggedError } from '../../record/record.ts'
import { AFTER_TIME, LineTemplates, TIME_AT } from './line-templates.ts'
import { hexPair, NOT_HEX } from './hex.ts'
import { literal, standsAt, type Literal } from './literal.ts'
import type { BatchWriter } from './batch-writer.ts'
import { hashText } from './hash-text.ts'

/** Texts of a line, as the numbers that four of their bytes are in little-endian order. */
const [LEVEL_0, LEVEL_1] = words('{"level"')
const [TIME_0, TIME_1] = words(',"time":')
const [REQUEST_0, REQUEST_1, REQUEST_2, REQUEST_3] = words('","request_id":"')
const [SEQ_0, SEQ_1] = words('","seq":')
const [DWELL_0, DWELL_1, DWELL_2] = words(',"dwell_ms":')
const [MSG_0, MSG_1] = words(',"msg":"')
const [TRUE] = words('true')

const [QUOTE, BACKSLASH, COLON, COMMA, DASH, POINT, ZERO, FEED, BRACE] = [0x22, 0x5c, 0x3a, 0x2c, 0x2d, 0x2e, 0x30, 0x0a, 0x7d]

/** Kinds of values. */
const [TEXT, FLAG, NUMBER, ATTEMPT, ERROR, OBJECT] = [0, 1, 2, 3, 4, 5] as const
/** What opens a value of each kind, and is compared with its name. */
const OPENING = ['"', '', '', '', '{"type":"', '{'] as const

/** How the value of each kind of field is read. */
const VALUES: Readonly<Record<FieldKind, Member['value']>> = {
  level: NUMBER,
  time: NUMBER,
  lifecycle: TEXT,
  string: TEXT,
  'trace-id': TEXT,
  'request-id': TEXT,
  integer: NUMBER,
  number: NUMBER,
  true: FLAG,
  outcome: TEXT,
  error: ERROR,
  data: OBJECT,
  message: TEXT,
}

/**
 * The fields between `dwell_ms` and `msg`, in the order in which they are written. An audit needs the values of two:
 * `attempt` and `error`.
 */
const MEMBERS = Object.entries<Field>(FIELDS)
  .slice(FIELD_NAMES.indexOf('dwell_ms') + 1, FIELD_NAMES.indexOf('msg'))
  .map(([name, { kind }]) => member(name, name === 'attempt' ? ATTEMPT : VALUES[kind]))

interface Member {
  /** All that stands before its value: comma, name and colon, and of a text or an object what opens it. */
  readonly before: Literal
  readonly value: 0 | 1 | 2 | 3 | 4 | 5
}

const ERROR_NAME = literal(Buffer.from('"error":'))
const ERROR_MESSAGE = literal(Buffer.from(',"message":"'))

function member(name: string, value: Member['value']): Member {
  return { before: literal(Buffer.from(`,"${name}":${OPENING[value]}`)), value }
}

/**
 * Reads a line in the exact form in which it is written, byte by byte, and nothing else: whatever is not as expected is
 * left to others, so that this may be quick without being able to be wrong.
 */
export class FastParser {
  readonly #writer: BatchWriter
  readonly #templates = new LineTemplates()
  #bytes: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #end = 0
  /** Where the reading stands; -1 once something was not as expected. */
  #at = 0
  #attempt = -1
  /** Which of {@link MEMBERS} is looked for first. */
  #next = 0
  #failure: LoggedError | undefined
  #isText = false
  /** Requests whose trace id was spelled already in these rows, as far as they are remembered. */
  readonly #recentIds = new Uint32Array(ID_CACHE_SIZE * 4)
  /** The first eight digits of the last time, as two words, and what they come to. */
  #digits0 = 0
  #digits1 = 0
  #since = 0

  constructor(writer: BatchWriter) {
    this.#writer = writer
  }

  /** From here on lines are those of these bytes, of which `end` are whole lines. */
  startBlock(bytes: Buffer, end: number): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#end = end
    this.#recentIds.fill(0)
  }

  /** Learns from a line that the careful path found to be a record. */
  learn(line: Buffer): void {
    this.#templates.learn(line, this.#writer.kindId)
  }

  /**
   * Reads the line that begins there into a row.
   *
   * @returns where the next line begins; 0 where this one is for the careful path
   */
  read(start: number, line: number): number {
    const view = this.#view
    if (view.getInt32(start, true) !== LEVEL_0 || view.getInt32(start + 4, true) !== LEVEL_1 || this.#bytes[start + 8] !== COLON) return 0
    if (!this.#isDigit(start + 9) || !this.#isDigit(start + 10)) return 0
    if (view.getInt32(start + 11, true) !== TIME_0 || view.getInt32(start + 15, true) !== TIME_1) return 0
    const time = this.#time(start + TIME_AT)
    const form = Number.isNaN(time) ? undefined : this.#templates.find(view, start + AFTER_TIME)
    if (form === undefined) return 0
    const { batch } = this.#writer
    const { count, words, numbers } = batch
    // The careful path makes room.
    if (count === capacityOf(batch)) return 0
    const place = count * ROW.words
    const from = start + AFTER_TIME + form.middle.length
    const at = this.#trace(from, words, place + ROW.trace)
    if (
      at === 0 ||
      view.getInt32(at, true) !== REQUEST_0 ||
      view.getInt32(at + 4, true) !== REQUEST_1 ||
      view.getInt32(at + 8, true) !== REQUEST_2 ||
      view.getInt32(at + 12, true) !== REQUEST_3 ||
      (this.#word(at + 16, at + 20, words, place + ROW.request) | this.#word(at + 24, at + 28, words, place + ROW.request + 1)) < 0
    ) {
      return 0
    }
    this.#at = at + 32
    this.#reset()
    const seq = form.transition ? this.#seq() : this.#closed()
    const dwell = form.transition ? this.#dwell() : Number.NaN
    const next = this.#rest(form.end)
    if (next === 0) return 0
    words[place + ROW.kind] = this.#isText ? form.kind | TRACE_IS_TEXT : form.kind
    words[place + ROW.line] = line
    const first = count * ROW.numbers
    numbers[first + ROW.time] = time
    numbers[first + ROW.dwell] = dwell
    numbers[first + ROW.seq] = seq
    numbers[first + ROW.attempt] = this.#attempt
    batch.count = count + 1
    if (this.#isText || this.#failure !== undefined) this.#addExtras(count, from, at)
    return next
  }

  #isDigit(at: number): boolean {
    return ((this.#bytes[at] ?? 0) - ZERO) >>> 0 <= 9
  }

  #addExtras(record: number, from: number, end: number): void {
    const named = this.#isText && !this.#wasSeen(record)
    if (!named && this.#failure === undefined) return
    this.#writer.addExtras({
      at: record,
      ...(named ? { traceId: this.#bytes.toString('latin1', from, end) } : {}),
      ...(this.#failure === undefined ? {} : { error: this.#failure }),
    })
  }

  /** Whether these rows tell already how the trace id of the record's request is written; sometimes it does no harm to tell it again. */
  #wasSeen(record: number): boolean {
    const { words } = this.#writer.batch
    const first = record * ROW.words
    const names = [words[first + ROW.request], words[first + ROW.request + 1], words[first + ROW.trace], words[first + ROW.trace + 1]]
    const place = ((names[1] ?? 0) & (ID_CACHE_SIZE - 1)) * names.length
    if (names.every((word, index) => this.#recentIds[place + index] === word)) return true
    for (const [index, word = 0] of names.entries()) this.#recentIds[place + index] = word
    return false
  }

  #time(at: number): number {
    const word0 = this.#view.getInt32(at, true)
    const word1 = this.#view.getInt32(at + 4, true)
    if (word0 !== this.#digits0 || word1 !== this.#digits1) {
      const since = this.#digitsAt(at, 8)
      // JSON has no number that begins with a zero and goes on.
      if (Number.isNaN(since) || this.#bytes[at] === ZERO) return Number.NaN
      this.#since = since * 100_000
      this.#digits0 = word0
      this.#digits1 = word1
    }
    return this.#since + this.#digitsAt(at + 8, 5)
  }

  #digitsAt(at: number, count: number): number {
    let value = 0
    let beyond = 0
    for (let index = at; index < at + count; index += 1) {
      const digit = (this.#bytes[index] ?? 0) - ZERO
      beyond |= digit | (9 - digit)
      value = value * 10 + digit
    }
    return beyond < 0 ? Number.NaN : value
  }

  /**
   * The four words of a trace id: the bits of a UUID, with or without dashes, or those that stand for another text.
   *
   * @returns where its closing quote stands; 0 where it is for the careful path
   */
  #trace(at: number, words: Uint32Array, place: number): number {
    const bytes = this.#bytes
    this.#isText = false
    if (bytes[at + 36] === QUOTE && bytes[at + 8] === DASH && bytes[at + 13] === DASH && bytes[at + 18] === DASH && bytes[at + 23] === DASH) {
      const bad =
        this.#word(at, at + 4, words, place) |
        this.#word(at + 9, at + 14, words, place + 1) |
        this.#word(at + 19, at + 24, words, place + 2) |
        this.#word(at + 28, at + 32, words, place + 3)
      return bad < 0 ? 0 : at + 36
    }
    this.#at = at
    this.#text()
    const end = this.#at - 1
    const length = end - at
    if (length === 32) {
      const bad =
        this.#word(at, at + 4, words, place) |
        this.#word(at + 8, at + 12, words, place + 1) |
        this.#word(at + 16, at + 20, words, place + 2) |
        this.#word(at + 24, at + 28, words, place + 3)
      return bad < 0 ? 0 : end
    }
    // Of these lengths it may be a UUID in another spelling.
    if (length <= 0 || (length > 32 && length <= 36)) return 0
    this.#isText = true
    hashText(bytes, at, end, words, place, 4)
    return end
  }

  /** A word from twice four hex digits; negative where they are none. */
  #word(at: number, further: number, words: Uint32Array, place: number): number {
    const view = this.#view
    const a = hexPair[view.getUint16(at, true)] ?? NOT_HEX
    const b = hexPair[view.getUint16(at + 2, true)] ?? NOT_HEX
    const c = hexPair[view.getUint16(further, true)] ?? NOT_HEX
    const d = hexPair[view.getUint16(further + 2, true)] ?? NOT_HEX
    words[place] = (a << 24) | (b << 16) | (c << 8) | d
    return a | b | c | d
  }

  /** After the ids of a transition: `","seq":` and its number. */
  #seq(): number {
    const at = this.#at
    if (this.#view.getInt32(at, true) !== SEQ_0 || this.#view.getInt32(at + 4, true) !== SEQ_1) return this.#bail()
    this.#at = at + 8
    return this.#count()
  }

  /** After the ids of a note nothing but their quote. */
  #closed(): number {
    if (this.#bytes[this.#at] !== QUOTE) return this.#bail()
    this.#at += 1
    return 0
  }

  #dwell(): number {
    const view = this.#view
    const at = this.#at
    if (at < 0 || view.getInt32(at, true) !== DWELL_0 || view.getInt32(at + 4, true) !== DWELL_1 || view.getInt32(at + 8, true) !== DWELL_2) return Number.NaN
    this.#at = at + 12
    return this.#decimal()
  }

  /** The members up to the message, the message, and the end of the line. */
  #rest(usual: Literal): number {
    while (this.#at >= 0) {
      const at = this.#at
      // What stands beyond the end is not of this block.
      if (at >= this.#end) return 0
      if (this.#view.getInt32(at, true) === MSG_0 && this.#view.getInt32(at + 4, true) === MSG_1) {
        if (standsAt(usual, this.#view, at) && at + usual.length <= this.#end) return at + usual.length
        this.#at = at + 8
        this.#text()
        return this.#lineEnd()
      }
      this.#member()
    }
    return 0
  }

  /** Where the next line begins, if this one ends here. */
  #lineEnd(): number {
    const at = this.#at
    if (at < 0 || this.#bytes[at] !== BRACE) return 0
    // Bytes beyond the end are not of this line.
    if (at + 1 === this.#end) return this.#end
    return at + 1 < this.#end && this.#bytes[at + 1] === FEED ? at + 2 : 0
  }

  /** Nothing is known yet of what may follow the ids. */
  #reset(): void {
    this.#attempt = -1
    this.#next = 0
    this.#failure = undefined
  }

  #member(): void {
    const at = this.#at
    // Members mostly stand in the same order, so the next one is looked for behind the last.
    for (let looks = MEMBERS.length; looks > 0; looks -= 1) {
      const member = MEMBERS[this.#next]
      this.#next = this.#next + 1 === MEMBERS.length ? 0 : this.#next + 1
      if (member === undefined || !standsAt(member.before, this.#view, at)) continue
      this.#at = at + member.before.length
      if (member.value === TEXT) this.#text()
      else if (member.value === NUMBER) this.#decimal()
      else if (member.value === FLAG) this.#true()
      else if (member.value === ATTEMPT) this.#attempt = this.#count()
      else if (member.value === ERROR) this.#error()
      else this.#object()
      return
    }
    this.#bail()
  }

  /** After the opening quote of an error's type. */
  #error(): void {
    const type = this.#at
    this.#text()
    const at = this.#at
    if (at < 0 || !standsAt(ERROR_MESSAGE, this.#view, at)) return void this.#bail()
    this.#at = at + ERROR_MESSAGE.length
    this.#text()
    if (this.#at < 0 || this.#bytes[this.#at] !== BRACE) return void this.#bail()
    const told = (from: number, to: number): string => this.#bytes.toString('latin1', from, to)
    this.#failure = { type: told(type, at - 1), message: told(at + ERROR_MESSAGE.length, this.#at - 1) }
    this.#at += 1
  }

  /** After the opening brace of an object without any in it; one that tells of an error is left to others. */
  #object(): void {
    const bytes = this.#bytes
    while (this.#at >= 0) {
      const start = this.#at
      if (bytes[start] !== QUOTE) return void this.#bail()
      this.#at = start + 1
      this.#text()
      const end = this.#at
      if (end < 0 || bytes[end] !== COLON || standsAt(ERROR_NAME, this.#view, start)) return void this.#bail()
      this.#at = end + 1
      this.#value()
      if (this.#at >= 0 && bytes[this.#at] === BRACE) {
        this.#at += 1
        return
      }
      if (this.#at >= 0 && bytes[this.#at] !== COMMA) return void this.#bail()
      if (this.#at >= 0) this.#at += 1
    }
  }

  #value(): void {
    if (this.#bytes[this.#at] === QUOTE) {
      this.#at += 1
      this.#text()
    } else if (this.#isDigit(this.#at)) this.#decimal()
    else this.#true()
  }

  /** After an opening quote, up to and with the closing one: ASCII without escapes. */
  #text(): void {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at] ?? 0
    while (byte !== QUOTE) {
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return void this.#bail()
      at += 1
      byte = bytes[at] ?? 0
    }
    this.#at = at + 1
  }

  #true(): void {
    if (this.#view.getInt32(this.#at, true) === TRUE) this.#at += 4
    else this.#bail()
  }

  /** A whole number of up to nine digits. */
  #count(): number {
    const start = this.#at
    const value = this.#digits(9)
    return this.#bytes[start] === ZERO && this.#at > start + 1 ? this.#bail() : value
  }

  /** A number with or without a fraction, of up to fifteen digits: so many are exact, whole and divided by a power of ten. */
  #decimal(): number {
    const whole = this.#count()
    if (this.#at < 0 || this.#bytes[this.#at] !== POINT) return whole
    this.#at += 1
    const start = this.#at
    const fraction = this.#digits(6)
    const scale = POWERS[this.#at - start] ?? 1
    return (whole * scale + fraction) / scale
  }

  /** Digits, at least one and no more than so many. */
  #digits(most: number): number {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let value = 0
    for (let digit = (bytes[at] ?? 0) - ZERO; digit >>> 0 <= 9; digit = (bytes[at] ?? 0) - ZERO) {
      value = value * 10 + digit
      at += 1
    }
    if (at === start || at - start > most) return this.#bail()
    this.#at = at
    return value
  }

  #bail(): number {
    this.#at = -1
    return Number.NaN
  }
}

/** A power of two. */
const ID_CACHE_SIZE = 4_096
const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

function words(text: string): number[] {
  const bytes = Buffer.from(text)
  return Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readInt32LE(index * 4))
}
