import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Interceptor,
  ServerInterceptor,
  ServiceError,
  StatusObject,
} from '@grpc/grpc-js'
import type { EventEmitter } from 'node:events'
import { connect } from 'node:http2'
import { onTestFinished } from 'vitest'
import { propagate, trackRequest, type IncomingCall } from '../../src/adapters/grpc.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../../src/handlers/handler-options.ts'
import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { deferred } from '../deferred.ts'

/** A message of the service under test, serialized as JSON. */
export interface Text {
  readonly text: string
}

/** Handlers of the four kinds of call. */
export interface Handlers {
  readonly unary?: handleUnaryCall<Text, Text>
  readonly collect?: handleClientStreamingCall<Text, Text>
  readonly list?: handleServerStreamingCall<Text, Text>
  readonly chat?: handleBidiStreamingCall<Text, Text>
}

export type Method = keyof Handlers

export const pathOf = (method: Method): string => `/test.Texts/${method}`

/** Throws for the text `unwritable`, as for a message of the wrong type. */
function serialize(value: Text): Buffer {
  if (value.text === 'unwritable') throw new TypeError('cannot be serialized')
  return Buffer.from(JSON.stringify(value))
}

function deserialize(bytes: Buffer): Text {
  return JSON.parse(bytes.toString()) as Text
}

const definition = Object.fromEntries(
  (['unary', 'collect', 'list', 'chat'] as const).map((method) => [
    method,
    {
      path: pathOf(method),
      requestStream: method === 'collect' || method === 'chat',
      responseStream: method === 'list' || method === 'chat',
      requestSerialize: serialize,
      requestDeserialize: deserialize,
      responseSerialize: serialize,
      responseDeserialize: deserialize,
    },
  ]),
)

/** The result of a call, as its client sees it. */
export interface Answer {
  readonly texts: readonly string[]
  readonly status: StatusObject
  /** Initial metadata; in a response without a body, it is part of the status. */
  readonly head: Metadata | undefined
}

/** A call in progress. */
export interface Call {
  cancel(): void
  write(text: string): unknown
  end(): unknown
  readonly firstText: Promise<string>
  readonly answer: Promise<Answer>
}

/** A client of the service under test. */
export class Texts {
  readonly #client: Client

  constructor(address: string, interceptors: Interceptor[] = [propagate()]) {
    this.#client = new Client(address, credentials.createInsecure(), { interceptors })
    onTestFinished(() => this.#client.close())
  }

  /** Starts a call; for the kinds with a single request message, it is sent immediately. */
  start(method: Method, options: { text?: string; metadata?: Metadata; deadline?: number } = {}): Call {
    const { text = 'hello', metadata = new Metadata(), deadline } = options
    const callOptions = deadline === undefined ? {} : { deadline }
    const path = pathOf(method)
    const first = deferred<string>()
    const ended = deferred<Answer>()
    // A call may end without a text, and a test may not wait for one.
    first.promise.catch(() => undefined)
    const texts: string[] = []
    let head: Metadata | undefined
    const received = (answer: Text): void => {
      texts.push(answer.text)
      first.resolve(answer.text)
    }
    const onAnswer = (_: ServiceError | null, answer?: Text): void => {
      if (answer !== undefined) received(answer)
    }
    const observe = <C extends EventEmitter>(call: C): C => {
      call.on('metadata', (initial: Metadata) => (head = initial))
      call.on('data', received)
      call.on('error', () => undefined)
      call.on('status', (final: StatusObject) => {
        // The message of a unary call arrives after its status.
        setImmediate(() => {
          first.reject(new Error(`no text but ${status[final.code]}`))
          ended.resolve({ texts, status: final, head })
        })
      })
      return call
    }
    const client = this.#client
    const outcome = { firstText: first.promise, answer: ended.promise }
    if (method === 'collect' || method === 'chat') {
      const call = observe(
        method === 'collect'
          ? client.makeClientStreamRequest(path, serialize, deserialize, metadata, callOptions, onAnswer)
          : client.makeBidiStreamRequest(path, serialize, deserialize, metadata, callOptions),
      )
      return {
        ...outcome,
        cancel: () => call.cancel(),
        write: (written) => call.write({ text: written }),
        end: () => call.end(),
      }
    }
    const call = observe(
      method === 'unary'
        ? client.makeUnaryRequest(path, serialize, deserialize, { text }, metadata, callOptions, onAnswer)
        : client.makeServerStreamRequest(path, serialize, deserialize, { text }, metadata, callOptions),
    )
    return { ...outcome, cancel: () => call.cancel(), write: () => undefined, end: () => undefined }
  }

  /** Makes a complete call; the kinds with a request stream send two texts. */
  async call(method: Method, options: Parameters<Texts['start']>[1] = {}): Promise<Answer> {
    const call = this.start(method, options)
    if (method === 'collect' || method === 'chat') {
      for (const written of [options.text ?? 'hello', 'again']) call.write(written)
      call.end()
    }
    return call.answer
  }
}

type Options = Partial<Omit<TrackerOptions, 'logger'>> &
  HandlerOptions<IncomingCall> & {
    /** Interceptors between tracking and the handler. */
    readonly after?: readonly ServerInterceptor[]
  }

/** Starts a tracked server on the loopback interface, with a client. */
export async function startServer(handlers: Handlers, { after = [], ...all }: Options = {}) {
  const split = (ofHandler: boolean) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => name in HANDLER_OPTIONS === ofHandler))
  const options: Partial<TrackerOptions> = split(false)
  const sink = memorySink()
  const waiting = new Set<() => void>()
  const notify = {
    write: () => {
      for (const check of waiting) check()
    },
  }
  const tracker = createTracker({
    service: 'texts',
    ...options,
    logger: false,
    sinks: [sink, notify, ...(options.sinks ?? [])],
  })
  const server = new Server({ interceptors: [trackRequest({ tracker, ...split(true) }), ...after] })
  server.addService(definition, { ...handlers })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  onTestFinished(() => server.forceShutdown())
  const address = `127.0.0.1:${port}`

  /** Resolves with the records as soon as they satisfy a condition. */
  const when = <T>(find: (records: readonly LifecycleRecord[]) => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        const value = find(sink.records)
        if (value === undefined) return
        waiting.delete(check)
        resolve(value)
      }
      waiting.add(check)
      check()
    })
  return {
    tracker,
    server,
    address,
    records: sink.records,
    client: new Texts(address),
    when,
    /** Resolves with the last transition of the only request. */
    final: () => when((records) => transitions(records).find(({ outcome }) => outcome !== undefined)),
  }
}

export function transitions(records: readonly LifecycleRecord[]): TransitionRecord[] {
  return records.filter((record) => record.lifecycle === 'transition')
}

/** The states of the only request, in order. */
export function statesOf(records: readonly LifecycleRecord[]): string {
  return transitions(records)
    .map(({ state }) => state)
    .join(' ')
}

/** Response headers or trailers. */
export type RawHead = Readonly<Record<string, unknown>>

/**
 * A unary call over plain HTTP/2: it can send headers that a gRPC client would not, such as repeated ones, or a
 * deadline that the client itself ignores.
 */
export async function rawCall(
  address: string,
  headers: Readonly<Record<string, string | string[]>>,
  message = '{"text":"hello"}',
): Promise<{ head: RawHead; trailers: RawHead }> {
  const session = connect(`http://${address}`)
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request({
        ':method': 'POST',
        ':path': pathOf('unary'),
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      })
      let head: RawHead = {}
      let trailers: RawHead = {}
      stream.on('response', (response) => (head = response))
      stream.on('trailers', (received: RawHead) => (trailers = received))
      stream.on('error', reject)
      stream.on('close', () => resolve({ head, trailers }))
      stream.resume()
      stream.end(frame(Buffer.from(message)))
    })
  } finally {
    session.close()
  }
}

/** The frame of a message: one byte of flags, four of length, the message. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
