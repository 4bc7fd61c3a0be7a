import type { RequestEnd } from '../tracking/finish-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** How the body of a response ends its request. */
export interface BodyEnds {
  /** The end of a request whose body was read to its end. */
  readonly end: RequestEnd
  readonly settle: (end: RequestEnd) => void
}

/** What a copy of a response is made with: all but its body, and the trace id as a header. */
export interface CopyInit {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
}

export function initWithIds(request: TrackedRequest, response: Response): CopyInit {
  // The headers come first: @hono/node-server makes another response of its own when anything else is read.
  const headers = new Headers(response.headers)
  setIds(request, headers)
  return { status: response.status, statusText: response.statusText, headers }
}

/** Adds the trace id to the headers of a response itself. */
export function setIds({ core, traceId }: TrackedRequest, headers: Headers): void {
  for (const name of core.settings.idHeaders.echo) headers.set(name, traceId)
}

/** The members of Bun's global object that are used. */
interface Bun {
  inspect(value: unknown): string
}

// Bun alone has this global.
const bun = Reflect.get(globalThis, 'Bun') as Bun | undefined

/**
 * Whether Bun holds the whole body of a response, a text or a file: it then sends the length, the type and ranges of it
 * itself, and no longer does once `body` was only looked at. What it prints of a response is the only way to know.
 */
export function isHeldByBun(response: Response): boolean {
  return bun !== undefined && /^Response \([\d.]*[1-9]/.test(bun.inspect(response))
}

/**
 * A response with a body whose end finishes the request.
 *
 * No host tells a body that is all there, such as a text, from a stream. One that is there is passed on as a whole, so
 * that the host knows its length; any other as a stream.
 */
export async function observeBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  init: CopyInit,
  ends: BodyEnds,
): Promise<Response> {
  const reader = body.getReader()
  // Bun does the same itself, but gives bytes a type that they do not have.
  const reads = bun === undefined ? await readAhead(reader) : []
  const whole = wholeOf(reads)
  if (whole === undefined) return new Response(streamOf(reader, reads, init.status, ends), init)
  ends.settle(ends.end)
  return new Response(whole, init)
}

/** How many turns of promises the reading of what is there takes, at most six in Node and Deno. */
const TURNS = 8

/** A read that has been started, and its result as soon as there is one. */
interface Reading {
  readonly result: Promise<Read>
  settled: Read | undefined
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>['read']>>

/** Reads the first part and what follows it, the end of a short body, as far as that needs to wait for nothing. */
async function readAhead(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Promise<Reading[]> {
  const first = await startReading(reader)
  return first.settled?.done === false ? [first, await startReading(reader)] : [first]
}

async function startReading(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>): Promise<Reading> {
  const reading: Reading = { result: reader.read(), settled: undefined }
  // Who reads the stream gets the error.
  reading.result.then((read) => (reading.settled = read)).catch(() => undefined)
  for (let turns = 0; turns < TURNS && reading.settled === undefined; turns += 1) await Promise.resolve()
  return reading
}

/** The whole body, if its end was read. */
function wholeOf(reads: readonly Reading[]): Uint8Array<ArrayBuffer> | undefined {
  if (reads.at(-1)?.settled?.done !== true) return undefined
  return reads.at(-2)?.settled?.value ?? new Uint8Array()
}

/** A stream that passes on what is read, unchanged, and reports how it ended. */
function streamOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  readAlready: readonly Reading[],
  status: number,
  { end, settle }: BodyEnds,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reads = readAlready.map(({ result }) => result)
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await (reads.shift() ?? reader.read())
          if (!done) {
            controller.enqueue(value)
            return
          }
          settle(end)
          controller.close()
        } catch (error) {
          settle({ outcome: 'error', status, error })
          controller.error(error)
        }
      },
      cancel(reason) {
        settle({ outcome: 'aborted', status })
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
