/**
 * Queries that name their request, as PostgreSQL receives them.
 *
 *   npx tsx examples/pg.ts        uses the server at DATABASE_URL, by default an embedded PGlite
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/pg'

const embedded = process.env.DATABASE_URL === undefined ? await embed() : undefined
const pool = propagate(new pg.Pool({ connectionString: process.env.DATABASE_URL ?? embedded?.url }))

// Returns the text of this query as PostgreSQL received it; pg_stat_activity and the slow query log show the same.
const showQuery = 'SELECT current_query() AS text'

const catalog = createServer(
  trackRequest(
    async (_req, res) => {
      const byText = await pool.query<{ text: string }>(showQuery)
      const prepared = await pool.query<{ text: string }>({ name: 'show-query', text: showQuery })
      console.log(`\nin a request:  ${byText.rows[0]?.text ?? ''}`)
      console.log(
        `prepared:      ${prepared.rows[0]?.text ?? ''}        (planned once for all requests, so without a comment)\n`,
      )
      res.end('one kettle\n')
    },
    { service: 'catalog' },
  ),
)

await once(catalog.listen(0, '127.0.0.1'), 'listening')
// A server that listens on a TCP port returns an AddressInfo.
const { port } = catalog.address() as AddressInfo
const answer = await fetch(`http://127.0.0.1:${String(port)}/kettle`)
const traceId = answer.headers.get('x-trace-id') ?? ''

const { rows } = await pool.query<{ text: string }>(showQuery)
console.log(`\noutside:       ${rows[0]?.text ?? ''}`)
console.log(`\nFind the trace in the database's own log:  grep "trace_id='${traceId}'" postgresql.log\n`)

catalog.close().closeIdleConnections()
await pool.end()
await embedded?.stop()

async function embed() {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10 })
  await server.start()
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    stop: async () => {
      await server.stop()
      await db.close()
    },
  }
}
