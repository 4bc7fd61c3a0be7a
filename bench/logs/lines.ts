import { Agenda } from './agenda.ts'
import { damaged } from './damage.ts'
import { foreignLine } from './foreign.ts'
import type { Told } from './life.ts'
import { logSettings, type LogOptions, type LogSettings } from './options.ts'
import { processesOf } from './processes.ts'
import { Random } from './random.ts'
import { Traces } from './traces.ts'
import { TruthKeeper, type Truth } from './truth.ts'
import { WrittenLines } from './written.ts'

/** A line of a log, or what damage has left of it. */
export interface LogLine {
  readonly file: string
  /** With its line end, unless that was lost. One character is one byte: to be written as latin1. */
  readonly text: string
  /** When it was written, in epoch milliseconds by the clock of its service. */
  readonly time: number
}

/** Requests that tell how many bytes each has. */
const CALIBRATION = 4_000
/** A line that is written again comes at most so much later, in milliseconds. */
const LATEST_REPEAT = 60_000

/**
 * The lines of several services' logs, as throughline writes them, in the order in which they are written.
 *
 * @returns at its end, what they hold
 * @example for (const { file, text } of linesOf({ requests: 100 })) appendFileSync(file, text, 'latin1')
 */
export function* linesOf(options: LogOptions = {}): Generator<LogLine, Truth> {
  const settings = logSettings({ ...options, requests: requestsOf(options) })
  const keeper = new TruthKeeper()
  for (const line of damagedLines(settings, keeper)) {
    keeper.truth.bytes += line.text.length
    yield line
  }
  return keeper.truth
}

function requestsOf({ requests, bytes, ...options }: LogOptions): number {
  if (requests !== undefined || bytes === undefined) return requests ?? 1_000
  const lines = linesOf({ ...options, requests: CALIBRATION, stuck: 0, crashes: 0 })
  let next = lines.next()
  while (next.done !== true) next = lines.next()
  return Math.max(1, Math.round((bytes / next.value.bytes) * CALIBRATION))
}

function* damagedLines(settings: LogSettings, keeper: TruthKeeper): Generator<LogLine> {
  const random = new Random(settings.seed, 2)
  for (const { file, text, time, requestId, foreign } of wholeLines(settings, keeper)) {
    if (!random.chance(settings.damage)) {
      yield { file, text, time }
      continue
    }
    keeper.truth.damaged_lines += 1
    const left = damaged(text, random)
    if (left.lost && !foreign) keeper.lost(requestId)
    yield { file, text: left.text, time }
  }
}

interface WholeLine extends LogLine {
  readonly requestId: string
  readonly traceId: string | undefined
  readonly foreign: boolean
}

/** What is to be written, or written again. */
type Due = Told | WholeLine

function* wholeLines(settings: LogSettings, keeper: TruthKeeper): Generator<WholeLine> {
  const { seed, start, rate, repeats, others, services } = settings
  const random = new Random(seed, 1)
  const agenda = new Agenda<Due>(start)
  const written = new Map(services.map((service) => [service, new WrittenLines(service)]))
  const traces = new Traces(settings, random, processesOf(settings, new Random(seed, 3)), keeper, (told) => agenda.add(told.at, told))
  function* due(before: number): Generator<WholeLine> {
    for (const item of agenda.before(before)) {
      if ('text' in item) yield counted(item, keeper)
      else for (const line of beside(item)) {
        yield counted(line, keeper)
        if (!random.chance(repeats)) continue
        keeper.truth.repeats += 1
        if (random.chance(0.5)) yield counted(line, keeper)
        else agenda.add(item.at + random.share() * LATEST_REPEAT, line)
      }
    }
  }
  /** The line of a record, and what the application says beside it. */
  function* beside({ record, process: { service, file } }: Told): Generator<WholeLine> {
    keeper.record(record)
    const { time, trace_id: traceId, request_id: requestId } = record
    yield { file, text: written.get(service)?.of(record) ?? '', time, requestId, traceId, foreign: false }
    while (random.chance(others)) {
      const { text, traced } = foreignLine(record, random)
      yield { file, text, time, requestId, traceId: traced ? traceId : undefined, foreign: true }
    }
  }
  for (let born = start; traces.left; born += random.wait(1_000 / rate)) {
    yield* due(born)
    traces.trace(born)
  }
  yield* due(Infinity)
}

function counted(line: WholeLine, keeper: TruthKeeper): WholeLine {
  keeper.truth.lines += 1
  if (line.foreign) keeper.truth.other_lines += 1
  if (line.traceId !== undefined) keeper.traced(line.traceId)
  return line
}
