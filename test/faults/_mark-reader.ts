import type { Readable } from 'node:stream'

/** A mark that a program wrote. */
export interface Mark {
  readonly name: string
  readonly id: string
  /** The number of marks before it. */
  readonly index: number
}

/** Reads the marks of a program from a pipe. All marks are there once the pipe has closed. */
export class MarkReader {
  readonly marks: Mark[] = []
  /** The number of marks that are older than a whole turn of the program's event loop. */
  settled = 0
  readonly #waiting = new Set<() => void>()

  constructor(pipe: Readable) {
    let rest = ''
    pipe.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(line)
      for (const check of [...this.#waiting]) check()
    })
  }

  #read(line: string): void {
    const [name = '', id = ''] = line.split(' ')
    if (name === 'settled') this.settled = Number(id)
    else this.marks.push({ name, id, index: this.marks.length })
  }

  /** Resolves once there is such a mark. */
  until(name: string, id: string): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!this.marks.some((mark) => mark.name === name && mark.id === id)) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** The first mark of this name for each id. */
  named(name: string): ReadonlyMap<string, Mark> {
    return new Map(
      this.marks
        .filter((mark) => mark.name === name)
        .reverse()
        .map((mark) => [mark.id, mark]),
    )
  }
}
