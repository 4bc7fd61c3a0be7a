import type { Field, FieldKind, LoggedError } from '../../record/field-types.ts'
import { FIELD_NAMES, FIELDS } from '../../record/record.ts'
import { capacityOf, IMPLIED, ROW, TRACE_IS_TEXT } from '../../record/record-batch.ts'
import { AFTER_TIME, LineTemplates, TIME_AT } from './line-templates.ts'
import { hexPair, NOT_HEX } from './hex.ts'
import { literal, matchesAt, type Literal } from './literal.ts'
import type { BatchWriter } from './batch-writer.ts'
import { hashText } from './hash-text.ts'

/** Fixed parts of a line, four bytes at a time as little-endian numbers. */
const [LEVEL_0, LEVEL_1] = words('{"level"')
const [TIME_0, TIME_1] = words(',"time":')
const [REQUEST_0, REQUEST_1, REQUEST_2, REQUEST_3] = words('","request_id":"')
const [SEQ_0, SEQ_1] = words('","seq":')
const [DWELL_0, DWELL_1, DWELL_2] = words(',"dwell_ms":')
const [MSG_0, MSG_1] = words(',"msg":"')
const [TRUE] = words('true')

const [QUOTE, BACKSLASH, COLON, COMMA, DASH, POINT, ZERO, FEED, BRACE] = [
  0x22, 0x5c, 0x3a, 0x2c, 0x2d, 0x2e, 0x30, 0x0a, 0x7d,
]

/** Types of values. */
const [TEXT, FLAG, NUMBER, ATTEMPT, ERROR, OBJECT, IMPLIED_FLAG] = [0, 1, 2, 3, 4, 5, 6] as const
/** The opening of a value of each type, which is compared together with the name. */
const OPENING = ['"', '', '', '', '{"type":"', '{', ''] as const

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
  milliseconds: NUMBER,
  true: FLAG,
  outcome: TEXT,
  error: OBJECT,
  data: OBJECT,
  message: TEXT,
}

/** How the fields are read of which an audit needs the value. Any other one of these makes its line take the slow path. */
const AUDITED_VALUES: Readonly<Partial<Record<string, Member['value']>>> = {
  implied: IMPLIED_FLAG,
  attempt: ATTEMPT,
  error: ERROR,
  data: OBJECT,
}

/** The fields between `dwell_ms` and `msg` that are read, in the order in which they are written. */
const MEMBERS = Object.entries<Field>(FIELDS)
  .slice(FIELD_NAMES.indexOf('dwell_ms') + 1, FIELD_NAMES.indexOf('msg'))
  .flatMap(([name, { kind, audited }]) => {
    const value = audited ? AUDITED_VALUES[name] : VALUES[kind]
    return value === undefined ? [] : [member(name, value)]
  })

interface Member {
  /** Everything before the value: comma, name, colon, and the opening of a string or an object. */
  readonly before: Literal
  readonly value: 0 | 1 | 2 | 3 | 4 | 5 | 6
}

const ERROR_NAME = literal(Buffer.from('"error":'))
const ERROR_MESSAGE = literal(Buffer.from(',"message":"'))

function member(name: string, value: Member['value']): Member {
  return { before: literal(Buffer.from(`,"${name}":${OPENING[value]}`)), value }
}

/**
 * Parses lines that have exactly the form of the default output, byte by byte. Any other line is left to the slow path,
 * so that this parser can be fast and never wrong.
 */
export class FastParser {
  readonly #writer: BatchWriter
  readonly #templates = new LineTemplates()
  #bytes: Buffer = Buffer.alloc(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  #end = 0
  /** The current offset; -1 once something was not as expected. */
  #at = 0
  #attempt = -1
  /** The flag of the line's row. */
  #implied = 0
  /** Which of {@link MEMBERS} is tried first. */
  #next = 0
  #failure: LoggedError | undefined
  #isText = false
  /** A cache of the requests whose trace id is already among the extras of this batch. */
  readonly #recentIds = new Uint32Array(ID_CACHE_SIZE * 4)
  /** The first eight digits of the last time as two words, and their value. */
  #digits0 = 0
  #digits1 = 0
  #timeBase = 0

  constructor(writer: BatchWriter) {
    this.#writer = writer
  }

  /** Sets the bytes of the next lines. Up to `end` they are whole lines. */
  startBlock(bytes: Buffer, end: number): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#end = end
    this.#recentIds.fill(0)
  }

  /** Learns from a line that the slow path parsed to a record. */
  learn(line: Buffer): void {
    this.#templates.learn(line, this.#writer.kindId)
  }

  /**
   * Reads one line into a row.
   *
   * @returns where the next line starts; 0 if this one has to take the slow path
   */
  read(start: number, line: number): number {
    const view = this.#view
    if (
      view.getInt32(start, true) !== LEVEL_0 ||
      view.getInt32(start + 4, true) !== LEVEL_1 ||
      this.#bytes[start + 8] !== COLON
    )
      return 0
    if (!this.#isDigit(start + 9) || !this.#isDigit(start + 10)) return 0
    if (view.getInt32(start + 11, true) !== TIME_0 || view.getInt32(start + 15, true) !== TIME_1) return 0
    const time = this.#time(start + TIME_AT)
    const template = Number.isNaN(time) ? undefined : this.#templates.find(view, start + AFTER_TIME)
    if (template === undefined) return 0
    const { batch } = this.#writer
    const { count, words, numbers } = batch
    // The slow path enlarges the batch.
    if (count === capacityOf(batch)) return 0
    const place = count * ROW.words
    const from = start + AFTER_TIME + template.middle.length
    const at = this.#trace(from, words, place + ROW.trace)
    if (
      at === 0 ||
      view.getInt32(at, true) !== REQUEST_0 ||
      view.getInt32(at + 4, true) !== REQUEST_1 ||
      view.getInt32(at + 8, true) !== REQUEST_2 ||
      view.getInt32(at + 12, true) !== REQUEST_3 ||
      (this.#word(at + 16, at + 20, words, place + ROW.request) |
        this.#word(at + 24, at + 28, words, place + ROW.request + 1)) <
        0
    ) {
      return 0
    }
    this.#at = at + 32
    this.#reset()
    const seq = template.transition ? this.#seq() : this.#closingQuote()
    const dwell = template.transition ? this.#dwell() : Number.NaN
    const next = this.#rest(template.end)
    if (next === 0) return 0
    words[place + ROW.kind] = template.kind | this.#implied | (this.#isText ? TRACE_IS_TEXT : 0)
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
    const withId = this.#isText && !this.#wasSeen(record)
    if (!withId && this.#failure === undefined) return
    this.#writer.addExtras({
      at: record,
      ...(withId ? { traceId: this.#bytes.toString('latin1', from, end) } : {}),
      ...(this.#failure === undefined ? {} : { fields: { error: this.#failure } }),
    })
  }

  /** Whether the extras contain the trace id of this request already. It may forget some: a repetition is harmless. */
  #wasSeen(record: number): boolean {
    const { words } = this.#writer.batch
    const first = record * ROW.words
    const ids = [
      words[first + ROW.request],
      words[first + ROW.request + 1],
      words[first + ROW.trace],
      words[first + ROW.trace + 1],
    ]
    const place = ((ids[1] ?? 0) & (ID_CACHE_SIZE - 1)) * ids.length
    if (ids.every((word, index) => this.#recentIds[place + index] === word)) return true
    for (const [index, word = 0] of ids.entries()) this.#recentIds[place + index] = word
    return false
  }

  #time(at: number): number {
    const word0 = this.#view.getInt32(at, true)
    const word1 = this.#view.getInt32(at + 4, true)
    if (word0 !== this.#digits0 || word1 !== this.#digits1) {
      const digits = this.#digitsAt(at, 8)
      // A number in JSON has no leading zeros.
      if (Number.isNaN(digits) || this.#bytes[at] === ZERO) return Number.NaN
      this.#timeBase = digits * 100_000
      this.#digits0 = word0
      this.#digits1 = word1
    }
    return this.#timeBase + this.#digitsAt(at + 8, 5)
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
   * Reads the four words of a trace id: the bits of a UUID with or without dashes, or the hash of any other id.
   *
   * @returns the offset of its closing quote; 0 if the line has to take the slow path
   */
  #trace(at: number, words: Uint32Array, place: number): number {
    const bytes = this.#bytes
    this.#isText = false
    if (
      bytes[at + 36] === QUOTE &&
      bytes[at + 8] === DASH &&
      bytes[at + 13] === DASH &&
      bytes[at + 18] === DASH &&
      bytes[at + 23] === DASH
    ) {
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
    // An id of such a length may be a UUID in another spelling.
    if (length <= 0 || (length > 32 && length <= 36)) return 0
    this.#isText = true
    hashText(bytes, at, end, words, place, 4)
    return end
  }

  /** Reads a word from two groups of four hex digits. Negative if they are not hex digits. */
  #word(at: number, second: number, words: Uint32Array, place: number): number {
    const view = this.#view
    const a = hexPair[view.getUint16(at, true)] ?? NOT_HEX
    const b = hexPair[view.getUint16(at + 2, true)] ?? NOT_HEX
    const c = hexPair[view.getUint16(second, true)] ?? NOT_HEX
    const d = hexPair[view.getUint16(second + 2, true)] ?? NOT_HEX
    words[place] = (a << 24) | (b << 16) | (c << 8) | d
    return a | b | c | d
  }

  /** What follows the ids of a transition: `","seq":` and a number. */
  #seq(): number {
    const at = this.#at
    if (this.#view.getInt32(at, true) !== SEQ_0 || this.#view.getInt32(at + 4, true) !== SEQ_1) return this.#bail()
    this.#at = at + 8
    return this.#count()
  }

  /** What follows the ids of a note: only their closing quote. */
  #closingQuote(): number {
    if (this.#bytes[this.#at] !== QUOTE) return this.#bail()
    this.#at += 1
    return 0
  }

  #dwell(): number {
    const view = this.#view
    const at = this.#at
    if (
      at < 0 ||
      view.getInt32(at, true) !== DWELL_0 ||
      view.getInt32(at + 4, true) !== DWELL_1 ||
      view.getInt32(at + 8, true) !== DWELL_2
    )
      return Number.NaN
    this.#at = at + 12
    return this.#decimal()
  }

  /** The members up to the message, the message, and the end of the line. */
  #rest(usualEnd: Literal): number {
    while (this.#at >= 0) {
      const at = this.#at
      // Bytes after the end do not belong to this block.
      if (at >= this.#end) return 0
      if (this.#view.getInt32(at, true) === MSG_0 && this.#view.getInt32(at + 4, true) === MSG_1) {
        if (matchesAt(usualEnd, this.#view, at) && at + usualEnd.length <= this.#end) return at + usualEnd.length
        this.#at = at + 8
        this.#text()
        return this.#lineEnd()
      }
      this.#member()
    }
    return 0
  }

  /** Where the next line starts, if this one ends here. */
  #lineEnd(): number {
    const at = this.#at
    if (at < 0 || this.#bytes[at] !== BRACE) return 0
    // Bytes after the end do not belong to this line.
    if (at + 1 === this.#end) return this.#end
    return at + 1 < this.#end && this.#bytes[at + 1] === FEED ? at + 2 : 0
  }

  /** Clears the optional members of the line before. */
  #reset(): void {
    this.#attempt = -1
    this.#implied = 0
    this.#next = 0
    this.#failure = undefined
  }

  #member(): void {
    const at = this.#at
    // Members usually have the same order, so start with the one after the last.
    for (let tries = MEMBERS.length; tries > 0; tries -= 1) {
      const member = MEMBERS[this.#next]
      this.#next = this.#next + 1 === MEMBERS.length ? 0 : this.#next + 1
      if (member === undefined || !matchesAt(member.before, this.#view, at)) continue
      this.#at = at + member.before.length
      if (member.value === TEXT) this.#text()
      else if (member.value === NUMBER) this.#decimal()
      else if (member.value === FLAG) this.#true()
      else if (member.value === ATTEMPT) this.#attempt = this.#count()
      else if (member.value === ERROR) this.#error()
      else if (member.value === OBJECT) this.#object()
      else {
        this.#true()
        this.#implied = IMPLIED
      }
      return
    }
    this.#bail()
  }

  /** An error, from the opening quote of its type. */
  #error(): void {
    const type = this.#at
    this.#text()
    const at = this.#at
    if (at < 0 || !matchesAt(ERROR_MESSAGE, this.#view, at)) return void this.#bail()
    this.#at = at + ERROR_MESSAGE.length
    this.#text()
    if (this.#at < 0 || this.#bytes[this.#at] !== BRACE) return void this.#bail()
    const text = (from: number, to: number): string => this.#bytes.toString('latin1', from, to)
    this.#failure = { type: text(type, at - 1), message: text(at + ERROR_MESSAGE.length, this.#at - 1) }
    this.#at += 1
  }

  /** A flat object, after its opening brace. One with an `error` member takes the slow path. */
  #object(): void {
    const bytes = this.#bytes
    while (this.#at >= 0) {
      const start = this.#at
      if (bytes[start] !== QUOTE) return void this.#bail()
      this.#at = start + 1
      this.#text()
      const end = this.#at
      if (end < 0 || bytes[end] !== COLON || matchesAt(ERROR_NAME, this.#view, start)) return void this.#bail()
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

  /** A string of ASCII without escapes, from its opening quote through its closing one. */
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

  /** An integer of up to nine digits. */
  #count(): number {
    const start = this.#at
    const value = this.#digits(9)
    return this.#bytes[start] === ZERO && this.#at > start + 1 ? this.#bail() : value
  }

  /** A number of up to nine digits and six decimals. Fifteen digits are exact as a double. */
  #decimal(): number {
    const whole = this.#count()
    if (this.#at < 0 || this.#bytes[this.#at] !== POINT) return whole
    this.#at += 1
    const start = this.#at
    const fraction = this.#digits(6)
    const scale = POWERS[this.#at - start] ?? 1
    return (whole * scale + fraction) / scale
  }

  /** At least one digit and at most `max`. */
  #digits(max: number): number {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let value = 0
    for (let digit = (bytes[at] ?? 0) - ZERO; digit >>> 0 <= 9; digit = (bytes[at] ?? 0) - ZERO) {
      value = value * 10 + digit
      at += 1
    }
    if (at === start || at - start > max) return this.#bail()
    this.#at = at
    return value
  }

  /** Gives up: the line takes the slow path. */
  #bail(): number {
    this.#at = -1
    return Number.NaN
  }
}

/** Must be a power of two. */
const ID_CACHE_SIZE = 4_096
const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

function words(text: string): number[] {
  const bytes = Buffer.from(text)
  return Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readInt32LE(index * 4))
}
