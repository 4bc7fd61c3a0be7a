import { pino } from 'pino'
import { pinoSink } from '../../src/sinks/pino.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import type { Sink } from '../../src/record/sink.ts'

/** Formats the lines of one service, byte for byte as the default sink writes them. */
export class LineWriter {
  readonly #plainLines: LineTemplates
  readonly #pinoSink: Sink
  #time = 0
  #line = ''

  constructor(service: string) {
    this.#plainLines = new LineTemplates(service)
    const logger = pino(
      { base: null, timestamp: () => `,"time":${this.#time}` },
      { write: (line) => void (this.#line = line) },
    )
    this.#pinoSink = pinoSink(logger, service, () => undefined)
  }

  /** The line of a record, with its newline. */
  format(record: LifecycleRecord): string {
    const plainLine = this.#plainLines.render(record)
    if (plainLine !== undefined) return plainLine
    this.#time = record.time
    this.#pinoSink.write(record)
    return this.#line
  }
}
