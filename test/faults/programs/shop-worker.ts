/**
 * A worker with its own queue: it accepts a message over HTTP, keeps it in memory and processes it afterwards.
 * Arguments: the destination of the lines, the mark at which it kills itself (or `null`), and `counts` to mark its
 * transitions.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { RequestKind } from '../_request-kinds.ts'
import { createTrackerFor, parseDestination } from './_destinations.ts'
import { markTransitionsAtSigterm, MarkWriter, type SelfKill } from './_mark-writer.ts'
import { turns } from './_turns.ts'

interface Job {
  readonly id: string
  readonly kind: RequestKind
  readonly headers: Readonly<Record<string, string>>
}

const [destination, selfKill = 'null', counts] = process.argv.slice(2)
const tracker = createTrackerFor('worker', parseDestination(destination))
if (counts === 'counts') markTransitionsAtSigterm(tracker)
// The test passes a value of this type.
const { mark } = new MarkWriter((JSON.parse(selfKill) as SelfKill | null) ?? undefined)

const work = tracker.trackRequest(
  async ({ id, kind }: Job) => {
    mark('started', id)
    if (kind === 'job-never') await new Promise(() => undefined)
    if (kind === 'job-late') await turns(5)
    mark('ending', id)
    if (kind === 'job-throws') throw new Error('failed on purpose')
  },
  { carrier: ({ headers }) => headers },
)

async function processJob(job: Job): Promise<void> {
  await work(job).catch(() => undefined)
  mark('ended', job.id)
}

const server = createServer((req, res) => {
  void text(req).then((body) => {
    // The server passes a value of this type.
    const job = JSON.parse(body) as Job
    // As a queue does, accept first and process afterwards.
    res.on('finish', () => setImmediate(() => void processJob(job))).end()
  })
})
// A process that blocks for long must not find its idle connections expired.
server.keepAliveTimeout = 0

server.listen(0, '127.0.0.1', () => {
  // The address of a server that listens on TCP is an AddressInfo.
  process.send?.((server.address() as AddressInfo).port)
})
