import type { Sink } from '../record/record.ts'
import { isolatedPino } from './_isolated-pino.ts'
import { FdWriter } from './fd-writer.ts'
import { pinoSink } from './pino.ts'
import { LineTemplates } from './line-template.ts'

/**
 * When lines are handed to the operating system, which alone keeps them when the process dies:
 *
 * - `entry`: before a request's handler runs, and what is told after that once per turn of the event loop
 * - `turn`: once per turn of the event loop
 * - `line`: each at once
 */
export type Durability = 'entry' | 'turn' | 'line'

/** One for all trackers of the process: where the system takes half a line, the other half has to come next. */
let sharedStdout: FdWriter | undefined

/**
 * The sink used where the user gives no logger: pino's lines on standard output, in few calls of the operating system.
 *
 * @param onError told of a destination that fails (a full disk, a closed pipe); lines are kept and tried again
 */
export function stdoutSink(
  service: string,
  durability: Durability,
  onError: (error: unknown) => void,
  destination: FdWriter = (sharedStdout ??= new FdWriter(STDOUT)),
): Sink {
  let time = 0
  const pinoLines = pinoSink(
    isolatedPino(() => `,"time":${String(time)}`, destination),
    service,
    onError,
  )
  const templates = new LineTemplates(service)
  destination.onError(onError)
  return {
    write(record) {
      const line = templates.render(record)
      if (line === undefined) {
        time = record.time
        pinoLines.write(record)
      } else destination.write(line)
      if (durability === 'line') destination.flushGathered()
    },
    ...(durability === 'entry' ? { beforeHandler: () => destination.flushGathered() } : {}),
    flush: () => destination.flush(),
  }
}

const STDOUT = 1
