import { Agent, request, type ClientRequest } from 'node:http'
import { seededRandom } from './_random.ts'
import { REQUEST_KINDS, type RequestKind } from './_request-kinds.ts'

/** A request as its client knows it. */
export interface SentRequest {
  /** Its trace id, which handlers and logs share. */
  readonly id: string
  readonly kind: RequestKind
  /** Undefined for a request on a connection of its own. */
  readonly connection: number | undefined
  /** The status, once the whole response has arrived. */
  status?: number
}

/** The clients of a server: requests in sequence on a few connections, and separate ones that are slow or aborted. */
export class LoadGenerator {
  readonly sent: SentRequest[] = []
  /** Exchanges that are over, completed or broken. */
  exchanges = 0
  readonly #url: string
  readonly #random: () => number
  readonly #waiting = new Set<() => void>()
  readonly #separate = new Set<ClientRequest>()

  constructor(url: string, seed: number) {
    this.#url = url
    this.#random = seededRandom(seed)
  }

  /** Sends requests on this many connections until each of them breaks. */
  async run(connections: number): Promise<void> {
    await Promise.all(Array.from({ length: connections }, (_, connection) => this.#runConnection(connection)))
    for (const pending of this.#separate) pending.destroy()
  }

  /** Resolves after this many more exchanges. */
  afterExchanges(count: number): Promise<void> {
    const target = this.exchanges + count
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.exchanges < target) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  async #runConnection(connection: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let complete = true; complete;) {
      const kind = this.#randomKind()
      if (kind === 'never' || kind === 'slow') {
        void this.#exchange(kind, undefined)
        continue
      }
      if (this.#random() < 0.05) this.#sendAndAbort(kind)
      complete = await this.#exchange(kind, connection, agent)
    }
    agent.destroy()
  }

  /** Mostly quick requests, which end in the turn in which they arrive: their lines are buffered until its end. */
  #randomKind(): RequestKind {
    if (this.#random() < 0.4) return 'quick'
    return REQUEST_KINDS[Math.floor(this.#random() * REQUEST_KINDS.length)] ?? 'quick'
  }

  /** Sends a request whose client disconnects before or just after the response. */
  #sendAndAbort(kind: RequestKind): void {
    void this.#exchange(kind, undefined)
    const client = [...this.#separate].at(-1)
    void this.afterExchanges(Math.floor(this.#random() * 3)).then(() => client?.destroy())
  }

  #exchange(kind: RequestKind, connection: number | undefined, agent?: Agent): Promise<boolean> {
    const sent: SentRequest = { id: `${kind}.${String(this.sent.length)}`, kind, connection }
    this.sent.push(sent)
    return new Promise((resolve) => {
      const client = request(`${this.#url}/${kind}`, {
        headers: { 'x-trace-id': sent.id },
        ...(agent === undefined ? { agent: false } : { agent }),
      })
      const finish = (status?: number): void => {
        this.#separate.delete(client)
        if (status !== undefined) sent.status = status
        this.exchanges += 1
        for (const check of [...this.#waiting]) check()
        resolve(status !== undefined)
      }
      if (agent === undefined) this.#separate.add(client)
      let responded = false
      client.on('response', (response) => {
        responded = true
        response.resume().on('close', () => finish(response.complete ? response.statusCode : undefined))
        response.on('error', () => undefined)
      })
      client.on('error', () => undefined)
      client.on('close', () => {
        if (!responded) finish()
      })
      client.end()
    })
  }
}
