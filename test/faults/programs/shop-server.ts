/**
 * A server under load: some requests it answers at once, some late or never, and some it hands over to a worker. Called
 * with a destination for its lines, the worker's URL, where it is to kill itself (or `null`), and whether it counts its lines.
 */
import { createServer, request as call, Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { currentRequest } from '../../../src/tracking/current-request.ts'
import type { Kind } from '../_kinds.ts'
import { countAtSigterm, turns } from './_ends.ts'
import { Marks, type Death } from './marks.ts'
import { destinationOf, trackerFor } from './tracker-for.ts'

const [to, worker = '', death = 'null', counts] = process.argv.slice(2)
const tracker = trackerFor('server', destinationOf(to))
if (counts === 'counts') countAtSigterm(tracker)
// Written by the test, as it is declared.
const { mark } = new Marks((JSON.parse(death) as Death | null) ?? undefined)
const agent = new Agent({ keepAlive: true })
const slow: { due: number; answer: () => void }[] = []
let begun = 0

/** Resolves once the worker has the message. */
function send(id: string, kind: Kind, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const message = call(worker, { method: 'POST', agent }, (response) =>
      response.resume().on('end', resolve).on('error', reject),
    )
    message.on('error', reject).end(JSON.stringify({ id, kind, headers }))
  })
}

async function handOver(id: string, kind: Kind, res: ServerResponse): Promise<void> {
  try {
    await currentRequest()?.enqueue((headers) => {
      mark('sending', id)
      // Marked before the library hears of it.
      return send(id, kind, headers).catch((error: unknown) => {
        mark('refused', id)
        throw error
      })
    })
    mark('handed', id)
    res.statusCode = 202
  } catch {
    mark('caught', id)
    res.statusCode = 503
  }
  res.end('taken')
}

async function late(res: ServerResponse): Promise<void> {
  await turns(3)
  res.end('late')
}

function handler(req: IncomingMessage, res: ServerResponse): unknown {
  const id = String(req.headers['x-trace-id'])
  mark('begin', id)
  once(res, () => mark('closed', id))
  begun += 1
  // They stand in order.
  while (slow[0] !== undefined && slow[0].due <= begun) slow.shift()?.answer()
  // Requests come from the load alone, which knows no other kinds.
  const kind = (req.url ?? '').slice(1) as Kind
  if (kind === 'never') return undefined
  if (kind === 'throws') throw new Error('no luck')
  if (kind === 'late') return late(res)
  if (kind === 'slow') return slow.push({ due: begun + 20, answer: () => res.end('slow') })
  if (kind === 'large') return res.end('x'.repeat(300_000))
  return kind === 'quick' ? res.end('quick') : handOver(id, kind, res)
}

function once(res: ServerResponse, told: () => void): void {
  let first = true
  const tell = (): void => {
    if (first) told()
    first = false
  }
  res.on('finish', tell).on('close', tell)
}

const tracked = tracker.trackRequest(handler)
const server = createServer((req, res) => {
  // Heard before the library hears it: what has no such mark cannot have ended.
  once(res, () => mark('closing', String(req.headers['x-trace-id'])))
  tracked(req, res)
})

server.listen(0, '127.0.0.1', () => {
  // A server that listens on TCP has an address of this kind.
  process.send?.((server.address() as AddressInfo).port)
})
