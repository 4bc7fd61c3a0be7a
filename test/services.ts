import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'
import { SOON } from './timeouts.ts'

/** A database engine with PostgreSQL's protocol. */
export interface Engine {
  readonly name: string
  /** True if it is not available: its suites are skipped. */
  readonly missing: boolean
  start(): Promise<Database>
}

/** A running database. */
export interface Database {
  readonly url: string
  stop(): Promise<void>
}

const POSTGRES_URL = process.env.DATABASE_URL ?? 'postgres://root@127.0.0.1:5432/test'

/** The engines on which every suite for PostgreSQL runs. */
export const engines: readonly Engine[] = [
  { name: 'PGlite', missing: false, start: startPglite },
  {
    name: 'PostgreSQL',
    missing: await isMissing(),
    start: () => Promise.resolve({ url: POSTGRES_URL, stop: () => Promise.resolve() }),
  },
]

/** Starts an in-memory PGlite on a free TCP port. */
async function startPglite(): Promise<Database> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 50 })
  await server.start()
  const stop = async (): Promise<void> => {
    await server.stop()
    await db.close()
  }
  return { url: `postgres://postgres@${server.getServerConn()}/postgres`, stop }
}

/**
 * True if PostgreSQL does not answer. Its suites are then skipped, with a line on stderr. With REQUIRE_SERVICES=1 the
 * result is false, so that they run and fail.
 */
async function isMissing(): Promise<boolean> {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: SOON })
  try {
    await client.connect()
    await client.end()
    return false
  } catch (error) {
    if (process.env.REQUIRE_SERVICES === '1') return false
    const reason = `PostgreSQL at ${POSTGRES_URL} does not answer (${String(error)})`
    process.stderr.write(`skipped: ${reason}; REQUIRE_SERVICES=1 makes this fail\n`)
    return true
  }
}
