import { statSync, truncateSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { getNumber } from '../numeric-record.ts'
import { LINE_BYTES, openDestination, serveRequest } from './_destinations.ts'
import { handleCommands } from './_handle-commands.ts'

const args = process.argv.slice(2)
const [name, file = ''] = args
const destination = openDestination(args)

handleCommands({
  run: async (params) => {
    const [requests, perTurn] = [getNumber(params, 'requests'), getNumber(params, 'perTurn')]
    truncateSync(file)
    const started = process.cpuUsage()
    for (let request = 0; request < requests; request += 1) {
      serveRequest(destination, request)
      if (request % perTurn !== perTurn - 1) continue
      await setImmediate()
      await destination.drained()
    }
    const bytes = name === 'none' ? 0 : requests * 4 * LINE_BYTES
    // Until the last line is in the file, so that the work of other threads is included.
    while (statSync(file).size < bytes) {
      // Repeatedly: pino's asynchronous destination ignores a flush during a write.
      destination.flush()
      await setTimeout(2)
    }
    const { user, system } = process.cpuUsage(started)
    return { cpu: (user + system) / requests }
  },
})
