import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { requestMachine } from '../../machines/request.ts'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { longLog, uuid, type TrueLog } from '../log-arbitraries.ts'
import { linesOf } from '../log-lines.ts'

/** A log in which the lines of some requests are damaged. */
export interface DamagedLog {
  readonly bytes: Buffer
  /** The log before the damage. */
  readonly log: TrueLog
  /** The ids of the damaged requests. */
  readonly victims: ReadonlySet<string>
}

type Damage = (line: Buffer, other: Buffer, at: number) => Buffer

const place = (line: Buffer, at: number): number => at % (line.length + 1)
const insert = (line: Buffer, at: number, ...bytes: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat([
    line.subarray(0, place(line, at)),
    ...bytes.map((part) => Buffer.from(part)),
    line.subarray(place(line, at)),
  ])
const text =
  (change: (line: string, at: number) => string): Damage =>
  (line, _other, at) =>
    Buffer.from(change(line.toString(), at))

/** Kinds of damage. None of them adds or removes the line feed after the line. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  'a flipped bit': (line, _other, at) =>
    Buffer.from(line.map((byte, index) => (index === place(line, at) ? byte ^ (1 << (at % 8)) : byte))),
  'a missing end': (line, _other, at) => line.subarray(0, place(line, at)),
  'a missing start': (line, _other, at) => line.subarray(place(line, at)),
  'doubled in place': (line) => Buffer.concat([line, line]),
  repeated: (line) => Buffer.concat([line, Buffer.from('\n'), line]),
  'torn by another line': (line, other, at) =>
    Buffer.concat([line.subarray(0, place(line, at)), other, line.subarray(place(line, at))]),
  'spliced with another line': (line, other, at) =>
    Buffer.concat([line.subarray(0, place(line, at)), other.subarray(place(other, at))]),
  'NUL bytes': (line, _other, at) => insert(line, at, Buffer.alloc(at % 600)),
  'invalid UTF-8': (line, _other, at) => insert(line, at, Uint8Array.of(0xff, 0xc3, 0x28)),
  'a byte order mark': (line) => Buffer.concat([Buffer.from('\ufeff'), line]),
  CRLF: (line) => Buffer.concat([line, Buffer.from('\r')]),
  'ANSI colours': text((line) => `\u001b[32m${line.replaceAll(':', '\u001b[90m:\u001b[0m')}\u001b[0m`),
  'a huge number': text((line, at) =>
    line.replace(
      /(?<=:)\d+/,
      ['1e999', '-1e999', '9'.repeat(400), '99999999999999999999', '-0', '1e-999'][at % 6] ?? '',
    ),
  ),
  'a __proto__ key': text((line, at) =>
    line.replace(
      '{',
      `{"${['__proto__', 'constructor', 'toString'][at % 3] ?? ''}":{"lifecycle":"note","seq":9,"state":"Failed"},`,
    ),
  ),
  missing: () => Buffer.alloc(0),
}

const repeatToOver1MiB = (piece: string): string => piece.repeat(Math.ceil(1_100_000 / piece.length))

/** Lines that no lifecycle sink wrote. */
const garbage = fc.oneof(
  { weight: 16, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 16, arbitrary: fc.json().map((json) => Buffer.from(json)) },
  {
    weight: 8,
    arbitrary: fc
      .constantFrom(
        '',
        '\r',
        '{',
        '}',
        '{}',
        '[]',
        'null',
        '{"lifecycle":"transition"}',
        '{"__proto__":{"lifecycle":"note"}}',
        '\u001b[0m',
        '\u0000',
      )
      .map((line) => Buffer.from(line)),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('x', '{"a":', '[', '0', 'deadbeef","seq":', '"msg":"', '{"level":30', '\u001b[', '\\')
      .map((piece) => Buffer.from(repeatToOver1MiB(piece))),
  },
)

/** Random logs with dissimilar ids: a damaged id must not equal another request's. */
const logWithHashedIds = fc
  .constantFrom(requestMachine, requestWithRetriesMachine)
  .chain((machine) => longLog(machine, false))
  .map((log): TrueLog => {
    const hex = (id: string): string => createHash('sha256').update(id).digest('hex')
    const traceOf = (id: string): string =>
      uuid(Number.parseInt(hex(id).slice(0, 11), 16), Number.parseInt(hex(id).slice(12, 24), 16))
    const requestOf = (id: string): string => hex(id).slice(0, 16)
    const records = log.records.map((record) => ({
      ...record,
      trace_id: traceOf(record.trace_id),
      request_id: requestOf(record.request_id),
      ...('parent_id' in record ? { parent_id: requestOf(record.parent_id) } : {}),
    }))
    return {
      ...log,
      records,
      requests: log.requests.map((known) => ({
        ...known,
        traceId: traceOf(known.traceId),
        requestId: requestOf(known.requestId),
      })),
    }
  })

export const damagedLog: fc.Arbitrary<DamagedLog> = logWithHashedIds.chain((log) =>
  fc
    .record({
      victims: fc.subarray(log.requests.map(({ requestId }) => requestId)).map((ids) => new Set(ids)),
      damages: fc.infiniteStream(
        fc.option(fc.tuple(fc.constantFrom(...Object.keys(DAMAGES)), fc.nat(100_000)), { freq: 2 }),
      ),
      insertions: fc.array(fc.tuple(fc.nat(log.records.length), garbage), { maxLength: 6 }),
    })
    .map(({ victims, damages, insertions }) => {
      const lines = linesOf(log.records).map((line) => Buffer.from(line))
      const victimLines = lines.filter((_, index) => victims.has(log.records[index]?.request_id ?? ''))
      const damaged = lines.flatMap((line, index) => {
        const inserted = insertions.filter(([before]) => before === index).map(([, bytes]) => bytes)
        const next: unknown = victims.has(log.records[index]?.request_id ?? '') ? damages.next().value : null
        // The stream's values have this type.
        const [name, at] = (next ?? ['', 0]) as [string, number]
        return [...inserted, DAMAGES[name]?.(line, victimLines[at % victimLines.length] ?? line, at) ?? line]
      })
      return { bytes: Buffer.concat(damaged.flatMap((line) => [line, Buffer.from('\n')])), log, victims }
    }),
)
