import type { Readable } from 'node:stream'

/** A mark of a program, and how many went before it. */
export interface Mark {
  readonly what: string
  readonly id: string
  readonly index: number
}

/** The marks of a program as they come in; all that it made are there once its pipe has closed. */
export class Marked {
  readonly marks: Mark[] = []
  /** So many marks are older than a whole turn of the program's event loop. */
  settled = 0
  readonly #waiting = new Set<() => void>()

  constructor(pipe: Readable) {
    let rest = ''
    pipe.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#take(line)
      for (const look of [...this.#waiting]) look()
    })
  }

  #take(line: string): void {
    const [what = '', id = ''] = line.split(' ')
    if (what === 'turned') this.settled = Number(id)
    else this.marks.push({ what, id, index: this.marks.length })
  }

  /** Resolves once there is such a mark. */
  until(what: string, id: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.marks.some((mark) => mark.what === what && mark.id === id)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Those of one name, by id: the first of each. */
  of(what: string): ReadonlyMap<string, Mark> {
    return new Map(
      this.marks
        .filter((mark) => mark.what === what)
        .reverse()
        .map((mark) => [mark.id, mark]),
    )
  }
}
