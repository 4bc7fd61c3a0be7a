/**
 * Queries that name their request: what MariaDB or MySQL sees of them.
 *
 *   npx tsx examples/mysql2.ts        on the server of MYSQL_URL, by default mysql://root@127.0.0.1:3306/test
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import mysql, { type RowDataPacket } from 'mysql2/promise'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/mysql2'

const uri = process.env.MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test'
const pool = propagate(mysql.createPool({ uri, connectTimeout: 2_000 }))

// The server says what it is doing, which is this: so the process list and the slow query log show it, too.
const whatTheServerSees = 'SELECT info AS text FROM information_schema.processlist WHERE id = CONNECTION_ID()'

const catalog = createServer(
  trackRequest(
    async (_req, res) => {
      const [byText] = await pool.query<RowDataPacket[]>(whatTheServerSees)
      const [prepared] = await pool.execute<RowDataPacket[]>(whatTheServerSees)
      console.log(`\nin a request:  ${String(byText[0]?.text)}`)
      console.log(`prepared:      ${String(prepared[0]?.text)}        (prepared once for all requests)\n`)
      res.end('one kettle\n')
    },
    { service: 'catalog' },
  ),
)

const missing = await pool.query('SELECT 1').then(() => undefined, String)
if (missing === undefined) await demonstrate()
else console.log(`No MariaDB or MySQL answers at ${new URL(uri).host} (${missing}): there is nothing to show.`)
await pool.end()

async function demonstrate() {
  await once(catalog.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port has an address of this form.
  const { port } = catalog.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${String(port)}/kettle`)
  const [outside] = await pool.query<RowDataPacket[]>(whatTheServerSees)
  console.log(`\noutside:       ${String(outside[0]?.text)}`)
  console.log(`\nFind the trace in the database's own log:  grep "trace_id='${answer.headers.get('x-trace-id') ?? ''}'" slow.log\n`)
  catalog.close().closeIdleConnections()
}
