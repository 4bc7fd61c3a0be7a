import { Agent, request, type ClientRequest } from 'node:http'
import { KINDS, type Kind } from './_kinds.ts'
import { randomFrom } from './_random.ts'

/** A request as its client knows it. */
export interface Sent {
  /** Its trace id, by which client, handlers and logs name it. */
  readonly id: string
  readonly kind: Kind
  /** Undefined where it has a connection to itself. */
  readonly connection: number | undefined
  /** Whether the whole answer came, and with which status. */
  status?: number
}

/** Clients of a server: some with requests that follow each other on one connection, beside them slow ones and some that leave. */
export class Load {
  readonly sent: Sent[] = []
  /** So many exchanges are through, whole or broken. */
  events = 0
  readonly #url: string
  readonly #random: () => number
  readonly #waiting = new Set<() => void>()
  readonly #beside = new Set<ClientRequest>()

  constructor(url: string, seed: number) {
    this.#url = url
    this.#random = randomFrom(seed)
  }

  /** Sends requests on so many connections until each of them breaks. */
  async run(connections: number): Promise<void> {
    await Promise.all(Array.from({ length: connections }, (_, connection) => this.#follow(connection)))
    for (const left of this.#beside) left.destroy()
  }

  /** Resolves after so many further events. */
  more(count: number): Promise<void> {
    const due = this.events + count
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.events < due) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  async #follow(connection: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let whole = true; whole;) {
      const kind = this.#kind()
      if (kind === 'never' || kind === 'slow') {
        void this.#exchange(kind, undefined)
        continue
      }
      if (this.#random() < 0.05) this.#leave(kind)
      whole = await this.#exchange(kind, connection, agent)
    }
    agent.destroy()
  }

  /** Quick ones are the most: requests that end in the turn in which they came are where lines are gathered. */
  #kind(): Kind {
    return this.#random() < 0.4 ? 'quick' : (KINDS[Math.floor(this.#random() * KINDS.length)] ?? 'quick')
  }

  /** Sends a request whose client leaves before the answer, or just after it. */
  #leave(kind: Kind): void {
    void this.#exchange(kind, undefined)
    const leaving = [...this.#beside].at(-1)
    void this.more(Math.floor(this.#random() * 3)).then(() => leaving?.destroy())
  }

  #exchange(kind: Kind, connection: number | undefined, agent?: Agent): Promise<boolean> {
    const sent: Sent = { id: `${kind}.${String(this.sent.length)}`, kind, connection }
    this.sent.push(sent)
    return new Promise((resolve) => {
      const client = request(`${this.#url}/${kind}`, {
        headers: { 'x-trace-id': sent.id },
        ...(agent === undefined ? { agent: false } : { agent }),
      })
      const through = (status?: number): void => {
        this.#beside.delete(client)
        if (status !== undefined) sent.status = status
        this.events += 1
        for (const look of [...this.#waiting]) look()
        resolve(status !== undefined)
      }
      if (agent === undefined) this.#beside.add(client)
      let answering = false
      client.on('response', (response) => {
        answering = true
        response.resume().on('close', () => through(response.complete ? response.statusCode : undefined))
        response.on('error', () => undefined)
      })
      client.on('error', () => undefined)
      client.on('close', () => {
        if (!answering) through()
      })
      client.end()
    })
  }
}
