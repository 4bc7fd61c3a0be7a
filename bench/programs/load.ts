import autocannon from 'autocannon'
import { figure } from '../figures.ts'
import { ANSWER } from '../servers/_handler.ts'
import { answer } from './_answer.ts'

/** What Node's own fetch sends: the headers of a call from service to service. Loggers that write headers have these to write. */
const HEADERS = {
  accept: '*/*',
  'accept-language': '*',
  'sec-fetch-mode': 'cors',
  'user-agent': 'node',
  'accept-encoding': 'gzip, deflate',
}

/** Asks a server for a fixed number of answers, and tells how long that took. */
answer({
  run: (figures) =>
    new Promise((resolve, reject) => {
      const amount = figure(figures, 'amount')
      const began = performance.now()
      let last = began
      const options: autocannon.Options = {
        url: `http://127.0.0.1:${figure(figures, 'port')}/products/kettle`,
        amount,
        connections: figure(figures, 'connections'),
        headers: HEADERS,
        expectBody: ANSWER,
        // It looks up only so often whether all is done; the time is taken at the last answer.
        sampleInt: 25,
      }
      const run = autocannon(options, (error: unknown, { '2xx': good, errors, timeouts, mismatches }) => {
        if (error instanceof Error) reject(error)
        else resolve({ seconds: (last - began) / 1_000, failed: amount - good + errors + timeouts + mismatches })
      })
      run.on('response', () => {
        last = performance.now()
      })
    }),
})
