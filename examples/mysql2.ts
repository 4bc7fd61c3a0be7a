/**
 * Queries that name their request, as MariaDB or MySQL receives them.
 *
 *   npx tsx examples/mysql2.ts        uses the server at MYSQL_URL, by default mysql://root@127.0.0.1:3306/test
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import mysql, { type RowDataPacket } from 'mysql2/promise'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/mysql2'

const uri = process.env.MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test'
const pool = propagate(mysql.createPool({ uri, connectTimeout: 2_000 }))

// Returns the text of this query from the process list; the slow query log shows the same.
const showQuery = 'SELECT info AS text FROM information_schema.processlist WHERE id = CONNECTION_ID()'

const catalog = createServer(
  trackRequest(
    async (_req, res) => {
      const [byText] = await pool.query<RowDataPacket[]>(showQuery)
      const [prepared] = await pool.execute<RowDataPacket[]>(showQuery)
      console.log(`\nin a request:  ${String(byText[0]?.text)}`)
      console.log(
        `prepared:      ${String(prepared[0]?.text)}        (prepared once for all requests, so without a comment)\n`,
      )
      res.end('one kettle\n')
    },
    { service: 'catalog' },
  ),
)

const failure = await pool.query('SELECT 1').then(() => undefined, String)
if (failure === undefined) await main()
else
  console.log(
    `MariaDB or MySQL is not reachable at ${new URL(uri).host} (${failure}): set MYSQL_URL to run this example`,
  )
await pool.end()

async function main() {
  await once(catalog.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port returns an AddressInfo.
  const { port } = catalog.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${String(port)}/kettle`)
  const [outside] = await pool.query<RowDataPacket[]>(showQuery)
  console.log(`\noutside:       ${String(outside[0]?.text)}`)
  console.log(
    `\nFind the trace in the database's own log:  grep "trace_id='${answer.headers.get('x-trace-id') ?? ''}'" slow.log\n`,
  )
  catalog.close().closeIdleConnections()
}
