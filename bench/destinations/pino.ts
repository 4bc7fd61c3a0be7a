import { once, type EventEmitter } from 'node:events'
import { pino } from 'pino'
import type { Destination } from './_destination.ts'

/** pino's asynchronous destination: 4 kB are gathered, and then written by a thread of Node's pool. */
export function asynchronous(file: string): Destination {
  return over(pino.destination({ dest: file, sync: false, minLength: 4_096 }))
}

/** pino's transport: a thread of its own, to which lines go over shared memory. */
export function worker(file: string): Destination {
  return over(pino.transport({ target: 'pino/file', options: { destination: file } }))
}

interface Stream extends EventEmitter {
  write(text: string): boolean
  flush(): void
}

function over(stream: Stream): Destination {
  let takes = true
  stream.on('drain', () => {
    takes = true
  })
  return {
    line: (text) => {
      takes = stream.write(text)
    },
    entered: () => undefined,
    flush: () => stream.flush(),
    // Without pauses the queue would grow without end here, and its length be measured, which a server in balance does not have.
    ready: async () => {
      if (!takes) await once(stream, 'drain')
    },
  }
}
