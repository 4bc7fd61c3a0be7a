import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Interceptor,
  ServiceError,
  StatusObject,
} from '@grpc/grpc-js'
import type { EventEmitter } from 'node:events'
import { connect } from 'node:http2'
import { onTestFinished } from 'vitest'
import { propagate, trackRequest, type IncomingCall } from '../../src/adapters/grpc.ts'
import { memorySink } from '../../src/sinks/memory.ts'
import type { AuthOptions } from '../../src/handlers/authenticate.ts'
import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'

/** A message of the service under test; it travels as JSON. */
export interface Text {
  readonly text: string
}

/** The four kinds of call. */
export interface Handlers {
  readonly unary?: handleUnaryCall<Text, Text>
  readonly collect?: handleClientStreamingCall<Text, Text>
  readonly list?: handleServerStreamingCall<Text, Text>
  readonly chat?: handleBidiStreamingCall<Text, Text>
}

export type Method = keyof Handlers

export const pathOf = (method: Method): string => `/test.Texts/${method}`

/** Does not write the text `unwritable`, as a message of the wrong shape would not be. */
function serialize(value: Text): Buffer {
  if (value.text === 'unwritable') throw new TypeError('no such message')
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

/** What one call came to, as its client saw it. */
export interface Answer {
  readonly texts: readonly string[]
  readonly status: StatusObject
  /** Initial metadata; that of a head without a body is part of the status. */
  readonly head: Metadata | undefined
}

/** A call under way: what it is told, and its end. */
export interface Call {
  cancel(): void
  write(text: string): unknown
  end(): unknown
  readonly firstText: Promise<string>
  readonly answer: Promise<Answer>
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

/** A client of the service under test. */
export class Texts {
  readonly #client: Client

  constructor(address: string, interceptors: Interceptor[] = [propagate()]) {
    this.#client = new Client(address, credentials.createInsecure(), { interceptors })
    onTestFinished(() => this.#client.close())
  }

  /** Begins a call; of the kinds that send one text, that one is sent at once. */
  begin(method: Method, options: { text?: string; metadata?: Metadata; deadline?: number } = {}): Call {
    const { text = 'hello', metadata = new Metadata(), deadline } = options
    const callOptions = deadline === undefined ? {} : { deadline }
    const path = pathOf(method)
    const first = deferred<string>()
    const ended = deferred<Answer>()
    // A call may end without a text, and nobody may have asked for one.
    first.promise.catch(() => undefined)
    const texts: string[] = []
    let head: Metadata | undefined
    const received = (answer: Text): void => {
      texts.push(answer.text)
      first.resolve(answer.text)
    }
    const answered = (_: ServiceError | null, answer?: Text): void => {
      if (answer !== undefined) received(answer)
    }
    const watched = <C extends EventEmitter>(call: C): C => {
      call.on('metadata', (initial: Metadata) => (head = initial))
      call.on('data', received)
      call.on('error', () => undefined)
      call.on('status', (final: StatusObject) => {
        // A unary answer comes after its status.
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
      const call = watched(
        method === 'collect'
          ? client.makeClientStreamRequest(path, serialize, deserialize, metadata, callOptions, answered)
          : client.makeBidiStreamRequest(path, serialize, deserialize, metadata, callOptions),
      )
      return {
        ...outcome,
        cancel: () => call.cancel(),
        write: (written) => call.write({ text: written }),
        end: () => call.end(),
      }
    }
    const call = watched(
      method === 'unary'
        ? client.makeUnaryRequest(path, serialize, deserialize, { text }, metadata, callOptions, answered)
        : client.makeServerStreamRequest(path, serialize, deserialize, { text }, metadata, callOptions),
    )
    return { ...outcome, cancel: () => call.cancel(), write: () => undefined, end: () => undefined }
  }

  /** Makes a call to its end; the kinds that stream send two texts. */
  async call(method: Method, options: Parameters<Texts['begin']>[1] = {}): Promise<Answer> {
    const call = this.begin(method, options)
    if (method === 'collect' || method === 'chat') {
      for (const written of [options.text ?? 'hello', 'again']) call.write(written)
      call.end()
    }
    return call.answer
  }
}

type Options = Partial<Omit<TrackerOptions, 'logger'>> & AuthOptions<IncomingCall>

/** A tracked server on a free port of the loopback, its records, and a client. */
export async function rig(handlers: Handlers, options: Options = {}) {
  const sink = memorySink()
  const waiting = new Set<() => void>()
  const notify = {
    write: () => {
      for (const look of waiting) look()
    },
  }
  const tracker = createTracker({
    service: 'texts',
    ...options,
    logger: false,
    sinks: [sink, notify, ...(options.sinks ?? [])],
  })
  const server = new Server({ interceptors: [trackRequest({ tracker, ...options })] })
  server.addService(definition, { ...handlers })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  onTestFinished(() => server.forceShutdown())
  const address = `127.0.0.1:${port}`

  /** Resolves with the records as soon as they satisfy a condition. */
  const when = <T>(found: (records: readonly LifecycleRecord[]) => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const look = (): void => {
        const value = found(sink.records)
        if (value === undefined) return
        waiting.delete(look)
        resolve(value)
      }
      waiting.add(look)
      look()
    })
  return {
    tracker,
    server,
    address,
    records: sink.records,
    client: new Texts(address),
    when,
    /** Resolves with the final line of the only request. */
    final: () => when((records) => transitions(records).find(({ outcome }) => outcome !== undefined)),
  }
}

export function transitions(records: readonly LifecycleRecord[]): TransitionRecord[] {
  return records.filter((record) => record.lifecycle === 'transition')
}

/** The states of the only request, in the order in which it went through them. */
export function way(records: readonly LifecycleRecord[]): string {
  return transitions(records)
    .map(({ state }) => state)
    .join(' ')
}

/** Headers of an answer without a body, as they came. */
export type RawHead = Readonly<Record<string, unknown>>

/**
 * A unary call in bare HTTP/2: with headers that a client of gRPC would not send, such as doubled ones and a
 * deadline that it does not keep itself.
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

/** A message as it travels: one byte of flags, four of length. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
