import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'
import { SOON } from './timeouts.ts'

/** A database that speaks PostgreSQL's protocol, as a suite gets to see it. */
export interface Engine {
  readonly name: string
  /** True where it cannot be had here: its suites are to be skipped. */
  readonly missing: boolean
  start(): Promise<Database>
}

/** One that is running. */
export interface Database {
  readonly url: string
  stop(): Promise<void>
}

const URL_OF_POSTGRES = process.env.DATABASE_URL ?? 'postgres://root@127.0.0.1:5432/test'

/** The engines that every suite for PostgreSQL is run on. */
export const engines: readonly Engine[] = [
  { name: 'PGlite', missing: false, start: startPglite },
  {
    name: 'PostgreSQL',
    missing: await isMissing(),
    start: () => Promise.resolve({ url: URL_OF_POSTGRES, stop: () => Promise.resolve() }),
  },
]

/** A new in-memory PGlite behind a TCP port of its own. */
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
 * Where PostgreSQL does not answer its suites are skipped, with a line that says so; with REQUIRE_SERVICES=1
 * they run, and fail.
 */
async function isMissing(): Promise<boolean> {
  const client = new pg.Client({ connectionString: URL_OF_POSTGRES, connectionTimeoutMillis: SOON })
  try {
    await client.connect()
    await client.end()
    return false
  } catch (error) {
    if (process.env.REQUIRE_SERVICES === '1') return false
    process.stderr.write(
      `skipped: PostgreSQL at ${URL_OF_POSTGRES} does not answer (${String(error)}); REQUIRE_SERVICES=1 makes this fail\n`,
    )
    return true
  }
}
