/**
 * A server under load: it responds at once, late or never, or hands a request off to a worker. Arguments: the
 * destination of the lines, the worker's URL, the mark at which it kills itself (or `null`), and `counts` to mark its
 * transitions.
 */
import { createServer, request as call, Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { currentRequest } from '../../../src/tracking/current-request.ts'
import type { RequestKind } from '../_request-kinds.ts'
import { createTrackerFor, parseDestination } from './_destinations.ts'
import { markTransitionsAtSigterm, MarkWriter, type SelfKill } from './_mark-writer.ts'
import { turns } from './_turns.ts'

const [destination, worker = '', selfKill = 'null', counts] = process.argv.slice(2)
const tracker = createTrackerFor('server', parseDestination(destination))
if (counts === 'counts') markTransitionsAtSigterm(tracker)
// The test passes a value of this type.
const { mark } = new MarkWriter((JSON.parse(selfKill) as SelfKill | null) ?? undefined)
const agent = new Agent({ keepAlive: true })
/** Responses that are due once this many requests have started, in that order. */
const slow: { due: number; respond: () => void }[] = []
let started = 0

/** Resolves once the worker has the message. */
function send(id: string, kind: RequestKind, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const message = call(worker, { method: 'POST', agent }, (response) =>
      response.resume().on('end', resolve).on('error', reject),
    )
    message.on('error', reject).end(JSON.stringify({ id, kind, headers }))
  })
}

async function handOff(id: string, kind: RequestKind, res: ServerResponse): Promise<void> {
  try {
    await currentRequest()?.enqueue((headers) => {
      mark('sending', id)
      // Marked before the library sees the rejection.
      return send(id, kind, headers).catch((error: unknown) => {
        mark('send-failed', id)
        throw error
      })
    })
    mark('enqueued', id)
    res.statusCode = 202
  } catch {
    mark('enqueue-failed', id)
    res.statusCode = 503
  }
  res.end('accepted')
}

async function respondLate(res: ServerResponse): Promise<void> {
  await turns(3)
  res.end('late')
}

function handler(req: IncomingMessage, res: ServerResponse): unknown {
  const id = String(req.headers['x-trace-id'])
  mark('started', id)
  onceEnded(res, () => mark('ended', id))
  started += 1
  while (slow[0] !== undefined && slow[0].due <= started) slow.shift()?.respond()
  // Only the load sends requests here, and only of these kinds.
  const kind = (req.url ?? '').slice(1) as RequestKind
  if (kind === 'never') return undefined
  if (kind === 'throws') throw new Error('failed on purpose')
  if (kind === 'late') return respondLate(res)
  if (kind === 'slow') return slow.push({ due: started + 20, respond: () => res.end('slow') })
  if (kind === 'large') return res.end('x'.repeat(300_000))
  return kind === 'quick' ? res.end('quick') : handOff(id, kind, res)
}

/** Calls back at the first of the events that end a response. */
function onceEnded(res: ServerResponse, callback: () => void): void {
  let isFirst = true
  const onEnd = (): void => {
    if (isFirst) callback()
    isFirst = false
  }
  res.on('finish', onEnd).on('close', onEnd)
}

const tracked = tracker.trackRequest(handler)
const server = createServer((req, res) => {
  // This listener precedes the library's: without its mark a request cannot have ended.
  onceEnded(res, () => mark('ending', String(req.headers['x-trace-id'])))
  tracked(req, res)
})
// A process that blocks for long must not find its idle connections expired.
server.keepAliveTimeout = 0

server.listen(0, '127.0.0.1', () => {
  // The address of a server that listens on TCP is an AddressInfo.
  process.send?.((server.address() as AddressInfo).port)
})
