import { jsonLine } from '../../src/sinks/json-line.ts'
import { LineTemplates } from '../../src/sinks/line-template.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** Formats the lines of one service, byte for byte as the default sink writes them. */
export class LineWriter {
  readonly #templates: LineTemplates

  constructor(service: string) {
    this.#templates = new LineTemplates(service)
  }

  /** The line of a record, with its newline. */
  format(record: LifecycleRecord): string {
    return this.#templates.render(record) ?? jsonLine(record)
  }
}
