import { statSync, truncateSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { destinationOf, LINE_BYTES, serve } from './_destinations.ts'

const args = process.argv.slice(2)
const [name, file = ''] = args
const destination = destinationOf(args)

answer({
  run: async (figures) => {
    const [amount, perTurn] = [figure(figures, 'amount'), figure(figures, 'perTurn')]
    truncateSync(file)
    const began = process.cpuUsage()
    for (let request = 0; request < amount; request += 1) {
      serve(destination, request)
      if (request % perTurn !== perTurn - 1) continue
      await setImmediate()
      await destination.ready()
    }
    const bytes = name === 'nothing' ? 0 : amount * 4 * LINE_BYTES
    // Until the last line is there: what a thread does later is a part of the price.
    while (statSync(file).size < bytes) {
      // Again and again: pino's asynchronous destination ignores it while a write is under way.
      destination.flush()
      await setTimeout(2)
    }
    const { user, system } = process.cpuUsage(began)
    return { cpu: (user + system) / amount }
  },
})
