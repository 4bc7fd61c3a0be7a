import { once, type EventEmitter } from 'node:events'
import { pino } from 'pino'
import type { Destination } from './_destination.ts'

/** pino's asynchronous destination: buffers 4 kB, then writes it on a thread of Node's pool. */
export function pinoAsynchronous(file: string): Destination {
  return fromStream(pino.destination({ dest: file, sync: false, minLength: 4_096 }))
}

/** pino's transport: a worker thread that receives lines over shared memory. */
export function pinoTransport(file: string): Destination {
  return fromStream(pino.transport({ target: 'pino/file', options: { destination: file } }))
}

interface Stream extends EventEmitter {
  write(text: string): boolean
  flush(): void
}

function fromStream(stream: Stream): Destination {
  let writable = true
  stream.on('drain', () => {
    writable = true
  })
  return {
    write: (line) => {
      writable = stream.write(line)
    },
    beforeHandler: () => undefined,
    flush: () => stream.flush(),
    // Without backpressure the queue would grow without bound and its length would be measured, unlike in a server
    // under steady load.
    drained: async () => {
      if (!writable) await once(stream, 'drain')
    },
  }
}
