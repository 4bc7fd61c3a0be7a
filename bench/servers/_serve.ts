import { createServer, type RequestListener } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { handleCommands } from '../programs/_handle-commands.ts'

/** The log file of servers that do not log to standard output. */
export const LOG_FILE = process.argv[2] ?? ''

/** Time for buffered lines to be written after the last response of a round. */
const SETTLE_MS = 20

/**
 * Serves until the process is killed, and measures the processor time of each round.
 *
 * @param flush writes what is still in memory, so that no round leaves work to the next
 */
export function serve(listener: RequestListener, flush: () => void | Promise<void> = () => undefined): void {
  const server = createServer(listener)
  let started = process.cpuUsage()
  handleCommands({
    listen: () =>
      new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => {
          const address = server.address()
          if (address === null || typeof address === 'string') throw new Error('the server has no port')
          resolve({ port: address.port })
        })
      }),
    startRound: () => {
      started = process.cpuUsage()
      return {}
    },
    endRound: async () => {
      await setTimeout(SETTLE_MS)
      await flush()
      const { user, system } = process.cpuUsage(started)
      return { cpu: user + system }
    },
  })
}
