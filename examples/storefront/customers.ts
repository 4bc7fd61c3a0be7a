import type { Logs } from './logs.ts'
import { waitUntil } from './wait-until.ts'

/** An order that the gateway has accepted. */
export interface AcceptedOrder {
  readonly id: string
  readonly traceId: string
}

interface Call {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
  readonly signal?: AbortSignal
  /** The expected status. */
  readonly expect: number
  /** The expected trace id, if the client chose it. */
  readonly traceId?: string
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Sends the customers' requests and checks each response. */
export class Customers {
  readonly #gateway: string
  readonly #logs: Logs
  /** How many responses were checked. */
  responses = 0

  constructor(gateway: string, logs: Logs) {
    this.#gateway = gateway
    this.#logs = logs
  }

  /** Takes every path through the shop, with every way in which a request can end. */
  async sendTraffic(): Promise<void> {
    await Promise.all(
      ['mug', 'teapot', 'kettle', 'mug', 'teapot', 'kettle'].map((sku) =>
        this.#call(`/products/${sku}`, { expect: 200 }),
      ),
    )
    await this.#call('/products/mug', { expect: 401, token: 'token-of-nobody' })
    await this.#call('/orders', { expect: 401, token: '', method: 'POST', body: { sku: 'mug', quantity: 1 } })
    await this.#call('/products/spoon', { expect: 404 })
    await this.#call('/products/cracked-vase', { expect: 500 })
    await this.#call('/orders', { expect: 409, method: 'POST', body: { sku: 'kettle', quantity: 1_000 } })
    await this.#hangUp('/products/map', 'hung-up-on-the-map')
    // With a traceparent alone, the trace id is its trace-id with dashes.
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await this.#call('/products/teapot', {
      expect: 200,
      headers: { traceparent },
      traceId: '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
    })
  }

  /** Places an order, which the gateway accepts and the worker will pack. */
  async order(order: { sku: string; quantity: number; engraving: boolean }, traceId?: string): Promise<AcceptedOrder> {
    const headers: Record<string, string> = traceId === undefined ? {} : { 'X-Trace-ID': traceId }
    const response = await this.#call('/orders', {
      expect: 202,
      method: 'POST',
      body: order,
      headers,
      ...(traceId === undefined ? {} : { traceId }),
    })
    const { order: id } = JSON.parse(response.body) as { order: string }
    return { id, traceId: response.traceId }
  }

  /** Disconnects before the response, once the catalog has started to work on it. */
  async #hangUp(path: string, traceId: string): Promise<void> {
    const controller = new AbortController()
    const call = this.#call(path, { expect: 0, headers: { 'X-Trace-ID': traceId }, signal: controller.signal }).catch(
      (error: unknown) => error,
    )
    await waitUntil(
      'the catalog starts to draw the map',
      () => this.#logs.lines('catalog', traceId, 'on demand').length > 0,
    )
    controller.abort()
    const error = await call
    if (!(error instanceof DOMException))
      throw new Error(`${path} should have been aborted, but was not: ${String(error)}`)
    for (const service of ['gateway', 'catalog'] as const) {
      await waitUntil(
        `the ${service} detects that its caller has disconnected`,
        () => this.#logs.lines(service, traceId, '"outcome":').length > 0,
      )
    }
  }

  async #call(
    path: string,
    { method = 'GET', token = 'token-of-ada', headers = {}, body, signal, expect, traceId }: Call,
  ): Promise<{ body: string; traceId: string }> {
    const response = await fetch(`${this.#gateway}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    })
    const text = await response.text()
    const receivedId = response.headers.get('x-trace-id') ?? ''
    if (response.status !== expect)
      throw new Error(`${method} ${path} returned ${response.status} instead of ${expect}: ${text}`)
    if (traceId === undefined ? !UUID_V7.test(receivedId) : receivedId !== traceId) {
      throw new Error(
        `${method} ${path} returned the trace id "${receivedId}" instead of ${traceId ?? 'a new UUID version 7'}`,
      )
    }
    this.responses += 1
    return { body: text, traceId: receivedId }
  }
}
