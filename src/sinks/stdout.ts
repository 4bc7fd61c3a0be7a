import type { Sink } from '../record/record.ts'
import { ownPino } from './_isolated-pino.ts'
import { LineDestination } from './fd-writer.ts'
import { pinoSink } from './pino.ts'
import { PlainLines } from './line-template.ts'

/**
 * When lines are handed to the operating system, which alone keeps them when the process dies:
 *
 * - `entry`: before a request's handler runs, and what is told after that once per turn of the event loop
 * - `turn`: once per turn of the event loop
 * - `line`: each at once
 */
export type Durability = 'entry' | 'turn' | 'line'

/** One for all trackers of the process: where the system takes half a line, the other half has to come next. */
let standardOutput: LineDestination | undefined

/**
 * The sink used where the user gives no logger: pino's lines on standard output, in few calls of the operating system.
 *
 * @param onError told of a destination that fails (a full disk, a closed pipe); lines are kept and tried again
 */
export function standardSink(
  service: string,
  durability: Durability,
  onError: (error: unknown) => void,
  destination: LineDestination = (standardOutput ??= new LineDestination(STDOUT)),
): Sink {
  let time = 0
  const byPino = pinoSink(ownPino(() => `,"time":${String(time)}`, destination), service, onError)
  const plain = new PlainLines(service)
  destination.onError(onError)
  return {
    write(record) {
      const line = plain.of(record)
      if (line === undefined) {
        time = record.time
        byPino.write(record)
      } else destination.write(line)
      if (durability === 'line') destination.handOver()
    },
    ...(durability === 'entry' ? { beforeHandler: () => destination.handOver() } : {}),
    flush: () => destination.flush(),
  }
}

const STDOUT = 1
