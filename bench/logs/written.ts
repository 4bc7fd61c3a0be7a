import { pino } from 'pino'
import { pinoSink } from '../../src/sinks/pino.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import type { LifecycleRecord, Sink } from '../../src/record/record.ts'

/** The lines of one service, byte for byte as the default sink writes them. */
export class WrittenLines {
  readonly #plain: LineTemplates
  readonly #byPino: Sink
  #time = 0
  #line = ''

  constructor(service: string) {
    this.#plain = new LineTemplates(service)
    const logger = pino({ base: null, timestamp: () => `,"time":${this.#time}` }, { write: (line) => void (this.#line = line) })
    this.#byPino = pinoSink(logger, service, () => undefined)
  }

  /** The line of a record, its line feed included. */
  of(record: LifecycleRecord): string {
    const plain = this.#plain.render(record)
    if (plain !== undefined) return plain
    this.#time = record.time
    this.#byPino.write(record)
    return this.#line
  }
}
