import { damageLine } from './damage-line.ts'
import { EventQueue } from './event-queue.ts'
import { ExpectedCollector, type ExpectedResults } from './expected.ts'
import { parseOptions, type LogOptions, type LogSettings } from './options.ts'
import { createProcesses } from './processes.ts'
import { Random } from './random.ts'
import type { SimulatedRecord } from './request-simulation.ts'
import { thirdPartyLine } from './third-party-line.ts'
import { TraceSimulation } from './trace-simulation.ts'
import { LineWriter } from './writer.ts'

/** A line of a log, possibly damaged. */
export interface LogLine {
  readonly file: string
  /** With its line end, unless damage removed it. One character is one byte: write it as latin1. */
  readonly text: string
  /** When it was written, in epoch milliseconds by the clock of its service. */
  readonly time: number
}

/** How many requests are generated to learn the mean size of one. */
const CALIBRATION_REQUESTS = 4_000
/** How much later a repeated line is written at most. */
const MAX_REPEAT_DELAY_MS = 60_000

/**
 * Generates the lines of several services' logs, as throughline writes them and in the order of writing.
 *
 * @returns the expected results, when all lines are generated
 * @example for (const { file, text } of generateLines({ requests: 100 })) appendFileSync(file, text, 'latin1')
 */
export function* generateLines(options: LogOptions = {}): Generator<LogLine, ExpectedResults> {
  const settings = parseOptions({ ...options, requests: requestCount(options) })
  const expected = new ExpectedCollector()
  for (const line of withDamage(settings, expected)) {
    expected.results.bytes += line.text.length
    yield line
  }
  return expected.results
}

function requestCount({ requests, bytes, ...options }: LogOptions): number {
  if (requests !== undefined || bytes === undefined) return requests ?? 1_000
  const lines = generateLines({ ...options, requests: CALIBRATION_REQUESTS, stuck: 0, crashes: 0 })
  let next = lines.next()
  while (next.done !== true) next = lines.next()
  return Math.max(1, Math.round((bytes / next.value.bytes) * CALIBRATION_REQUESTS))
}

function* withDamage(settings: LogSettings, expected: ExpectedCollector): Generator<LogLine> {
  const random = new Random(settings.seed, 2)
  for (const { file, text, time, requestId, isThirdParty } of intactLines(settings, expected)) {
    if (!random.chance(settings.damage)) {
      yield { file, text, time }
      continue
    }
    expected.results.damaged_lines += 1
    const damaged = damageLine(text, random)
    if (damaged.lossy && !isThirdParty) expected.addLoss(requestId)
    yield { file, text: damaged.text, time }
  }
}

interface IntactLine extends LogLine {
  readonly requestId: string
  readonly traceId: string | undefined
  readonly isThirdParty: boolean
}

/** A record to write, or a line to write again. */
type WriteEvent = SimulatedRecord | IntactLine

function* intactLines(settings: LogSettings, expected: ExpectedCollector): Generator<IntactLine> {
  const { seed, start, rate, repeats, others, services } = settings
  const random = new Random(seed, 1)
  const queue = new EventQueue<WriteEvent>(start)
  const writers = new Map(services.map((service) => [service, new LineWriter(service)]))
  const processes = createProcesses(settings, new Random(seed, 3))
  const traces = new TraceSimulation(settings, random, processes, expected, (record) => queue.add(record.at, record))
  function* writtenBefore(time: number): Generator<IntactLine> {
    for (const event of queue.popBefore(time)) {
      if ('text' in event) yield countLine(event, expected)
      else
        for (const line of linesOf(event)) {
          yield countLine(line, expected)
          if (!random.chance(repeats)) continue
          expected.results.repeats += 1
          if (random.chance(0.5)) yield countLine(line, expected)
          else queue.add(event.at + random.float() * MAX_REPEAT_DELAY_MS, line)
        }
    }
  }
  /** The line of a record, and the third-party lines that follow it. */
  function* linesOf({ record, process: { service, file } }: SimulatedRecord): Generator<IntactLine> {
    expected.addRecord(record)
    const { time, trace_id: traceId, request_id: requestId } = record
    yield { file, text: writers.get(service)?.format(record) ?? '', time, requestId, traceId, isThirdParty: false }
    while (random.chance(others)) {
      const { text, traced } = thirdPartyLine(record, random)
      yield { file, text, time, requestId, traceId: traced ? traceId : undefined, isThirdParty: true }
    }
  }
  for (let traceStart = start; traces.hasMore; traceStart += random.exponential(1_000 / rate)) {
    yield* writtenBefore(traceStart)
    traces.runTrace(traceStart)
  }
  yield* writtenBefore(Infinity)
}

function countLine(line: IntactLine, expected: ExpectedCollector): IntactLine {
  expected.results.lines += 1
  if (line.isThirdParty) expected.results.other_lines += 1
  if (line.traceId !== undefined) expected.addTracedLine(line.traceId)
  return line
}
