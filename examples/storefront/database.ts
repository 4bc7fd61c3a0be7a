import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { createSchema } from './schema.ts'
import { ready, serviceLogger } from './service.ts'

// An external PostgreSQL logs its statements itself, with log_statement.
const { DATABASE_URL } = process.env
if (DATABASE_URL === undefined) await servePGlite()
else {
  await createSchema(DATABASE_URL)
  ready(DATABASE_URL, () => undefined)
}

async function servePGlite(): Promise<void> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, port: 0, maxConnections: 50 })
  await server.start()
  const url = `postgres://postgres@${server.getServerConn()}/postgres?sslmode=disable`
  await createSchema(url)
  logStatements(db)
  ready(url, () => server.stop())
}

/** Logs every statement with its comment, as PostgreSQL does with `log_statement = all`. */
function logStatements(db: PGlite): void {
  const logger = serviceLogger('database')
  const exec = db.execProtocolRawStream.bind(db)
  // The only accessible method through which every message of every connection passes.
  db.execProtocolRawStream = (message, options) => {
    const sql = statementIn(message)
    if (sql !== undefined && sql !== '') logger.info({ sql }, 'statement')
    return exec(message, options)
  }
}

/**
 * The SQL of a Query (`Q`) or Parse (`P`) message: a type, four bytes of length, in Parse a name, and the SQL.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
function statementIn(message: Uint8Array): string | undefined {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type !== 'Q' && type !== 'P') return undefined
  const [first, second] = Buffer.from(message).toString('utf8', 5).split('\0')
  return type === 'Q' ? first : second
}
