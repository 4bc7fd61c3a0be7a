import fc from 'fast-check'
import { SERVICES, T0 } from '../../log-arbitraries.ts'
import type { Files } from '../reference/slow-audit.ts'

type Alteration = (line: string) => string

const STATES = [
  'Received',
  'Authenticated',
  'Processing',
  'Queued',
  'Working',
  'Responded',
  'Completed',
  'Failed',
  'Odd',
]
const EVENTS = [
  'AUTH_OK',
  'AUTH_ERROR',
  'PROCESS',
  'ENQUEUE',
  'RESPOND',
  'ATTEMPT',
  'RETRY',
  'COMPLETE',
  'FAIL',
  'SHUTDOWN',
  'ODD',
]
const MEMBERS = [
  '"error":{"type":"E","message":"no luck"}',
  '"error":{"type":"E","message":"no\\"luck"}',
  '"data":{"a":1,"b":"x"}',
  '"data":{"error":"so"}',
  '"data":{"error":{"message":"so","code":7}}',
  '"attempt":1',
  '"attempt":2',
  '"attempt":02',
  '"dwell_ms":1e3',
  `"due":${T0 + 90_000}`,
  `"due":${T0 + 10_000}`,
  '"due":"soon"',
  '"implied":true',
  '"outcome":"ok","status":200,"duration_ms":1.5',
  '"unknown":null',
]
const BYTES = ['"', 'x', '\\', '9', '{', '}', ',', ' ', '\u0000', 'é']

/** What changes a line so that it has another content, or none that can be read. */
const alteration: fc.Arbitrary<Alteration> = fc.oneof(
  valueOf('state', fc.constantFrom(...STATES)),
  valueOf('from', fc.constantFrom(...STATES)),
  valueOf('event', fc.constantFrom(...EVENTS)),
  valueOf('service', fc.constantFrom(...SERVICES)),
  fc.integer({ min: 1, max: 8 }).map((seq) => (line: string) => line.replace(/"seq":\d+/, `"seq":${seq}`)),
  fc.integer({ min: -10_000, max: 10_000 }).map(laterBy),
  fc.constantFrom(...MEMBERS).map((member) => (line: string) => line.replace(/,"msg":/, `,${member},"msg":`)),
  fc.constantFrom('Q', 'b7ad').map((prefix) => (line: string) => line.replace(/"request_id":"/, `$&${prefix}`)),
  fc.constant((line: string) => line.replace(/"request_id":"b7ad6b71/, '"request_id":"')),
  traceId(fc.constant((hex: string) => hex.toUpperCase())),
  traceId(
    fc.constantFrom(7, 32, 33, 36, 60).map((length) => (hex: string) => hex.padEnd(length, 'x').slice(0, length)),
  ),
  fc.nat(400).map((at) => (line: string) => line.slice(0, at)),
  fc.nat(400).map((at) => (line: string) => line.slice(at)),
  fc.tuple(fc.nat(400), fc.constantFrom(...BYTES)).map(
    ([at, byte]) =>
      (line: string) =>
        line.slice(0, at) + byte + line.slice(at + 1),
  ),
)

function valueOf(name: string, values: fc.Arbitrary<string>): fc.Arbitrary<Alteration> {
  return values.map((value) => (line: string) => line.replace(new RegExp(`"${name}":"[^"]*"`), `"${name}":"${value}"`))
}

/** First lines keep their time: two that differ in it are two requests to an audit that has evicted the first one. */
function laterBy(ms: number): Alteration {
  return (line) =>
    /"seq":0\b/.test(line) ? line : line.replace(/"time":(\d+)/, (_, time: string) => `"time":${Number(time) + ms}`)
}

function traceId(spellings: fc.Arbitrary<(hex: string) => string>): fc.Arbitrary<Alteration> {
  return spellings.map(
    (spell) => (line) =>
      line.replace(/"trace_id":"([^"]*)"/, (_, id: string) => `"trace_id":"${spell(id.replaceAll('-', ''))}"`),
  )
}

/** What is found of a line in the log; the larger the weight, the more lines are not as they were. */
function remains(weight: number): fc.Arbitrary<(line: string) => string[]> {
  return fc.oneof(
    { weight: 30, arbitrary: fc.constant((line: string) => [line]) },
    { weight, arbitrary: fc.constant(() => []) },
    { weight, arbitrary: fc.constant((line: string) => [line, line]) },
    { weight, arbitrary: alteration.map((alter) => (line: string) => [alter(line)]) },
    { weight, arbitrary: alteration.map((alter) => (line: string) => [line, alter(line)]) },
    { weight: 1, arbitrary: fc.tuple(alteration, alteration).map(([a, b]) => (line: string) => [b(line) + a(line)]) },
    { weight: 1, arbitrary: fc.constant((line: string) => [line, '{"level":30,"time":1,"msg":"third"}', '', 'plain']) },
  )
}

/** How the services of a log write their lines: as our sink does, or in a form of their own. */
const form = fc.constantFrom<Alteration>(
  (line) => line,
  (line) => line.replace(/("time":\d+)/, '$1,"pid":7,"hostname":"höst"'),
  (line) => `${line}\r`,
  (line) => line.replace('{"level":30,', '{'),
  (line) => line.replace(/"time":(\d+)/, (_, time: string) => `"time":"${new Date(Number(time)).toISOString()}"`),
  (line) => line.replace(/,"msg":"[^"]*"/, ''),
  (line) => line.replace(/"time":(\d+)/, '"time":$1.5'),
  (line) => line.replace(/"time":(\d+),(.*)}$/, '$2,"time":$1}'),
  (line) => line.replace(/"seq":(\d+),(.*)}$/, '$2,"seq":$1}'),
)

/** Four files with these lines, in their order or in any: some are lost, repeated, altered or damaged. */
export function alteredFiles(lines: readonly string[]): fc.Arbitrary<Files> {
  const { length } = lines
  const parts = fc.constantFrom(1, 1, 5, 20).chain((weight) =>
    fc.record({
      found: fc.array(remains(weight), { minLength: length, maxLength: length }),
      homes: fc.array(fc.nat(3), { minLength: length, maxLength: length }),
      isShuffled: fc.boolean(),
      written: form,
    }),
  )
  return parts.chain(({ found, homes, isShuffled, written }) => {
    const all = lines.flatMap((line, index) =>
      (found[index]?.(written(line)) ?? []).map((text) => ({ text, file: `${homes[index] ?? 0}.log` })),
    )
    const order = isShuffled ? fc.shuffledSubarray(all, { minLength: all.length }) : fc.constant(all)
    return order.map((texts) =>
      Object.fromEntries(
        ['0.log', '1.log', '2.log', '3.log'].map((name) => [
          name,
          texts.filter(({ file }) => file === name).map(({ text }) => text),
        ]),
      ),
    )
  })
}
