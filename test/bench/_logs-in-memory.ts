import fc from 'fast-check'
import type { ExpectedResults } from '../../bench/logs/expected.ts'
import { generateLines, type LogLine } from '../../bench/logs/generate-lines.ts'
import { ID_KINDS, type LogOptions } from '../../bench/logs/options.ts'

export interface LogsInMemory {
  readonly lines: readonly LogLine[]
  /** The content of each file, by name. */
  readonly files: Readonly<Record<string, string>>
  readonly expected: ExpectedResults
}

export function logsInMemory(options: LogOptions): LogsInMemory {
  const lines: LogLine[] = []
  const files: Record<string, string> = {}
  const generator = generateLines(options)
  let next = generator.next()
  for (; next.done !== true; next = generator.next()) {
    const { file, text } = next.value
    lines.push(next.value)
    files[file] = (files[file] ?? '') + text
  }
  return { lines, files, expected: next.value }
}

/** Options of small logs without damage. */
export const logOptions: fc.Arbitrary<LogOptions> = fc.record({
  seed: fc.nat(2 ** 40),
  requests: fc.integer({ min: 1, max: 300 }),
  files: fc.integer({ min: 1, max: 9 }),
  services: fc.constantFrom(
    ['gateway'],
    ['gateway', 'worker'],
    ['gateway', 'auth', 'catalog', 'worker'],
    ['a', 'b', 'c', 'd', 'e'],
  ),
  asyncShare: fc.constantFrom(0, 0.3, 0.99),
  redeliveredShare: fc.constantFrom(0, 0.4),
  stuckShare: fc.constantFrom(0, 0.05, 0.9),
  crashes: fc.nat(4),
  repeats: fc.constantFrom(0, 0.2),
  others: fc.constantFrom(0, 0.4),
  skew: fc.constantFrom({}, { worker: -3_000 }, { gateway: 250, auth: -1_000, worker: 2_000 }),
  rate: fc.constantFrom(1, 50, 5_000),
  idKind: fc.constantFrom(...ID_KINDS),
  deniedShare: fc.constantFrom(0, 0.2),
  errorShare: fc.constantFrom(0, 0.2),
})
