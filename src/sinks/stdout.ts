import type { Sink } from '../record/sink.ts'
import { isolatedPino } from './_isolated-pino.ts'
import { FdWriter } from './fd-writer.ts'
import { LineTemplates } from './line-template.ts'
import { pinoSink } from './pino.ts'
import { replacedStdout } from './replaced-stdout.ts'

/**
 * When lines are written to the operating system. Lines that are still in memory are lost if the process is killed.
 *
 * - `entry`: before a request's handler runs; later lines once per turn of the event loop
 * - `turn`: once per turn of the event loop
 * - `line`: each line immediately
 */
export type Durability = 'entry' | 'turn' | 'line'

/** Shared by all trackers of the process: after a partial write, the rest of that line has to come next. */
let sharedStdout: FdWriter | undefined

/**
 * The default sink: pino's lines on standard output, in few system calls.
 *
 * @param onError receives write errors, such as a full disk or a closed pipe; the lines are kept and retried
 */
export function stdoutSink(
  service: string,
  durability: Durability,
  onError: (error: unknown) => void,
  destination: FdWriter = (sharedStdout ??= new FdWriter(STDOUT, replacedStdout(STDOUT))),
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
      if (durability === 'line') destination.flushBuffer()
    },
    ...(durability === 'entry' ? { beforeHandler: () => destination.flushBuffer() } : {}),
    flush: () => destination.flush(),
  }
}

const STDOUT = 1
