import type { Logs } from './logs.ts'
import { until } from './until.ts'

/** An order that the gateway has accepted. */
export interface Accepted {
  readonly id: string
  readonly traceId: string
}

interface Call {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
  readonly signal?: AbortSignal
  /** What the answer has to be: its status, and its trace id where the client chose it. */
  readonly expect: number
  readonly traceId?: string
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The customers: what they send, and whether each answer is as it should be. */
export class Customers {
  readonly #gateway: string
  readonly #logs: Logs
  /** Answers that came, and were checked. */
  answers = 0

  constructor(gateway: string, logs: Logs) {
    this.#gateway = gateway
    this.#logs = logs
  }

  /** An ordinary day: every path through the shop, and every way in which a request can end. */
  async traffic(): Promise<void> {
    await Promise.all(['mug', 'teapot', 'kettle', 'mug', 'teapot', 'kettle'].map((sku) => this.#call(`/products/${sku}`, { expect: 200 })))
    await this.#call('/products/mug', { expect: 401, token: 'token-of-nobody' })
    await this.#call('/orders', { expect: 401, token: '', method: 'POST', body: { sku: 'mug', quantity: 1 } })
    await this.#call('/products/spoon', { expect: 404 })
    await this.#call('/products/cracked-vase', { expect: 500 })
    await this.#call('/orders', { expect: 409, method: 'POST', body: { sku: 'kettle', quantity: 1_000 } })
    await this.#hangUp('/products/map', 'hung-up-on-the-map')
    // Of a traceparent alone, the dashed form of its trace-id is the trace id.
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await this.#call('/products/teapot', { expect: 200, headers: { traceparent }, traceId: '4bf92f35-77b3-4da6-a3ce-929d0e0e4736' })
  }

  /** Orders something; the gateway accepts it and the worker will pack it. */
  async order(order: { sku: string; quantity: number; engraving: boolean }, traceId?: string): Promise<Accepted> {
    const headers: Record<string, string> = traceId === undefined ? {} : { 'X-Trace-ID': traceId }
    const answer = await this.#call('/orders', { expect: 202, method: 'POST', body: order, headers, ...(traceId === undefined ? {} : { traceId }) })
    const { order: id } = JSON.parse(answer.body) as { order: string }
    return { id, traceId: answer.traceId }
  }

  /** Leaves before the answer, once the catalog is at work on it. */
  async #hangUp(path: string, traceId: string): Promise<void> {
    const leaving = new AbortController()
    const left = this.#call(path, { expect: 0, headers: { 'X-Trace-ID': traceId }, signal: leaving.signal }).catch((error: unknown) => error)
    await until('the catalog draws the map', () => this.#logs.lines('catalog', traceId, 'on demand').length > 0)
    leaving.abort()
    const error = await left
    if (!(error instanceof DOMException)) throw new Error(`${path} should have been left, and was not: ${String(error)}`)
    for (const service of ['gateway', 'catalog'] as const) {
      await until(`the ${service} notices that its caller has left`, () => this.#logs.lines(service, traceId, '"outcome":').length > 0)
    }
  }

  async #call(path: string, { method = 'GET', token = 'token-of-ada', headers = {}, body, signal, expect, traceId }: Call): Promise<{ body: string; traceId: string }> {
    const response = await fetch(`${this.#gateway}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    })
    const text = await response.text()
    const got = response.headers.get('x-trace-id') ?? ''
    if (response.status !== expect) throw new Error(`${method} ${path} was answered with ${response.status} instead of ${expect}: ${text}`)
    if (traceId === undefined ? !UUID_V7.test(got) : got !== traceId) {
      throw new Error(`${method} ${path} came back with the trace id "${got}" instead of ${traceId ?? 'a new UUID version 7'}`)
    }
    this.answers += 1
    return { body: text, traceId: got }
  }
}
