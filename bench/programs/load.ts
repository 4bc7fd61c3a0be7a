import autocannon from 'autocannon'
import { getNumber } from '../numeric-record.ts'
import { RESPONSE_BODY } from '../servers/_handler.ts'
import { handleCommands } from './_handle-commands.ts'

/** The headers of Node's own fetch, as in a call from service to service. Loggers that log headers log these. */
const HEADERS = {
  accept: '*/*',
  'accept-language': '*',
  'sec-fetch-mode': 'cors',
  'user-agent': 'node',
  'accept-encoding': 'gzip, deflate',
}

handleCommands({
  /** Sends a fixed number of requests; returns the seconds until the last response, and how many failed. */
  run: (params) =>
    new Promise((resolve, reject) => {
      const amount = getNumber(params, 'amount')
      const started = performance.now()
      let lastResponse = started
      const options: autocannon.Options = {
        url: `http://127.0.0.1:${getNumber(params, 'port')}/products/kettle`,
        amount,
        connections: getNumber(params, 'connections'),
        headers: HEADERS,
        expectBody: RESPONSE_BODY,
        // How often autocannon checks whether it has finished, in ms. The measured time ends with the last response.
        sampleInt: 25,
      }
      const run = autocannon(options, (error: unknown, { '2xx': ok, errors, timeouts, mismatches }) => {
        if (error instanceof Error) reject(error)
        else
          resolve({ seconds: (lastResponse - started) / 1_000, failed: amount - ok + errors + timeouts + mismatches })
      })
      run.on('response', () => {
        lastResponse = performance.now()
      })
    }),
})
