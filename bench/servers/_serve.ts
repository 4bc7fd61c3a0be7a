import { createServer, type RequestListener } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { answer } from '../programs/_answer.ts'

/** The file that a server logs to, where it does not log to standard output. */
export const LOG_FILE = process.argv[2] ?? ''

/** What is left to do after the last answer of a round: lines that are gathered go out within it. */
const SETTLED_MS = 20

/**
 * Serves until the process is ended, and tells the processor time that each round took.
 *
 * @param flush hands over what is still kept in memory, so that no round leaves its work to the next
 */
export function serve(listener: RequestListener, flush: () => void | Promise<void> = () => undefined): void {
  const server = createServer(listener)
  let began = process.cpuUsage()
  answer({
    listen: () =>
      new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => {
          const address = server.address()
          if (address === null || typeof address === 'string') throw new Error('the server has no port')
          resolve({ port: address.port })
        })
      }),
    begin: () => {
      began = process.cpuUsage()
      return {}
    },
    end: async () => {
      await setTimeout(SETTLED_MS)
      await flush()
      const { user, system } = process.cpuUsage(began)
      return { cpu: user + system }
    },
  })
}
