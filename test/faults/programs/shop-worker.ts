/**
 * A worker and its queue in one: a message is accepted over HTTP, kept in memory, and then worked on. Called with a
 * destination for its lines, where it is to kill itself (or `null`), and whether it counts its lines.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Kind } from '../_kinds.ts'
import { countAtSigterm, turns } from './_ends.ts'
import { Marks, type Death } from './marks.ts'
import { destinationOf, trackerFor } from './tracker-for.ts'

interface Job {
  readonly id: string
  readonly kind: Kind
  readonly headers: Readonly<Record<string, string>>
}

const [to, death = 'null', counts] = process.argv.slice(2)
const tracker = trackerFor('worker', destinationOf(to))
if (counts === 'counts') countAtSigterm(tracker)
// Written by the test, as it is declared.
const { mark } = new Marks((JSON.parse(death) as Death | null) ?? undefined)

const work = tracker.trackRequest(
  async ({ id, kind }: Job) => {
    mark('begin', id)
    if (kind === 'job-never') await new Promise(() => undefined)
    if (kind === 'job-late') await turns(5)
    mark('closing', id)
    if (kind === 'job-throws') throw new Error('no luck')
  },
  { carrier: ({ headers }) => headers },
)

async function take(job: Job): Promise<void> {
  await work(job).catch(() => undefined)
  mark('closed', job.id)
}

const server = createServer((req, res) => {
  void text(req).then((body) => {
    // Sent by the server, as it is declared.
    const job = JSON.parse(body) as Job
    // Accepted first, as a queue does, and then worked on.
    res.on('finish', () => setImmediate(() => void take(job))).end()
  })
})

server.listen(0, '127.0.0.1', () => {
  // A server that listens on TCP has an address of this kind.
  process.send?.((server.address() as AddressInfo).port)
})
