import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import type { Writable } from 'node:stream'
import mysql from 'mysql2'
import promised from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { headersOfHandOff } from '../call-headers.ts'
import { propagate } from '../../src/adapters/mysql2.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import { SOON } from '../timeouts.ts'
import type { TrackedRequest } from '../../src/tracking/tracked-request.ts'

const tracker = createTracker({ service: 'catalog', logger: false })

/** The comment that a request's queries must have. */
function commentOf(request: TrackedRequest): string {
  const { 'x-trace-id': traceId, traceparent } = headersOfHandOff(request)
  return `/*trace_id='${encodeURIComponent(String(traceId))}',traceparent='${String(traceparent)}'*/`
}

type Callback = (error: Error | null, result?: unknown) => void
type Core = mysql.Pool | mysql.PoolConnection | mysql.Connection | mysql.PoolNamespace
type Promised = promised.Pool | promised.PoolConnection | promised.Connection | promised.PoolNamespace

/** Turns a call with a callback into a promise. */
function called(ask: (done: Callback) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    ask((error, result) => {
      // Without an error, mysql2 passes null or undefined.
      if (error instanceof Error) reject(error)
      else resolve(result)
    })
  })
}

function connectionOf(pool: { getConnection: mysql.Pool['getConnection'] }): Promise<mysql.PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => {
      if (error) reject(error)
      else resolve(connection)
    })
  })
}

describe("mysql2 on mysql2's own server", () => {
  let server: Recorder
  let plain: mysql.Pool
  let pool: mysql.Pool
  let promises: promised.Pool
  let cluster: mysql.PoolCluster
  let promisedCluster: promised.PoolCluster

  beforeAll(async () => {
    server = await recorder()
    const one = { ...server.address, connectionLimit: 1 }
    plain = mysql.createPool(one)
    pool = propagate(plain)
    promises = propagate(promised.createPool(one))
    cluster = propagate(mysql.createPoolCluster())
    promisedCluster = propagate(promised.createPoolCluster())
    for (const each of [cluster, promisedCluster]) each.add('only', one)
  })

  beforeEach(() => {
    server.received.length = 0
  })

  afterAll(async () => {
    await Promise.all([
      called((done) => pool.end(done)),
      promises.end(),
      called((done) => cluster.end(done)),
      promisedCluster.end(),
    ])
    await server.stop()
  })

  const released = (client: { release(): void }): void => client.release()
  const destroyed = (client: { destroy(): void }): void => client.destroy()
  const keep = (): void => undefined

  /** All forms of clients, with functions that get one and release it. */
  const cores: readonly Form<Core>[] = [
    form('the pool', () => pool, keep),
    form('its connection', () => connectionOf(pool), released),
    form('a connection', () => propagate(mysql.createConnection(server.address)), destroyed),
    form('a cluster', () => cluster.of('*'), keep),
    form('its connection', () => connectionOf(cluster), released),
    form(
      'its connection, by name',
      () => called((done) => cluster.getConnection('only', 'ORDER', done)) as Promise<mysql.PoolConnection>,
      released,
    ),
    form('its connection, by its namespace', () => connectionOf(cluster.of('only')), released),
  ]
  const promisedForms: readonly Form<Promised>[] = [
    form('the pool', () => promises, keep),
    form('its connection', () => promises.getConnection(), released),
    form('a connection', async () => propagate(await promised.createConnection(server.address)), destroyed),
    form('the promises of a pool', () => pool.promise(), keep),
    form('their connection', () => pool.promise().getConnection(), released),
    form('the promises of a connection', async () => (await connectionOf(pool)).promise(), released),
    form(
      'the promises of a single connection',
      () => propagate(mysql.createConnection(server.address)).promise(),
      destroyed,
    ),
    form('a cluster', () => promisedCluster.of('*'), keep),
    form('its connection', () => promisedCluster.getConnection('only'), released),
  ]

  const ASK = 'SELECT 1'

  test.each<[string, string, (client: Core, done: Callback) => unknown]>([
    ['a text', ASK, (client, done) => client.query(ASK, done)],
    ['a string with values', 'SELECT 2', (client, done) => client.query('SELECT ?', [2], done)],
    ['options', ASK, (client, done) => client.query({ sql: ASK }, done)],
    ['options with values', 'SELECT 2', (client, done) => client.query({ sql: 'SELECT ?', values: [2] }, done)],
    ['options, with values as an argument', 'SELECT 2', (client, done) => client.query({ sql: 'SELECT ?' }, [2], done)],
    [
      'named values',
      "SELECT 'a:b'",
      (client, done) => client.query({ sql: 'SELECT :it', namedPlaceholders: true }, { it: 'a:b' }, done),
    ],
    [
      'no callback',
      ASK,
      (client, done) =>
        client
          .query(ASK)
          .on('error', done)
          .on('end', () => done(null)),
    ],
    ['a final semicolon', `${ASK};`, (client, done) => client.query(`${ASK};`, done)],
  ])('with callbacks, the server sees the comment of %s', async (_, text, ask) => {
    for (const { name, use } of cores) {
      const request = tracker.start({ 'x-trace-id': `order:${randomUUID()}` })
      await use((client) => request.run(() => called((done) => ask(client, done))))
      expect(server.received.at(-1), name).toEqual([
        'query',
        text.replace(/;?$/, (end) => ` ${commentOf(request)}${end}`),
      ])
    }
    expect(server.received).toHaveLength(cores.length)
  })

  test.each<[string, string, (client: Promised) => Promise<unknown>]>([
    ['a text', ASK, (client) => client.query(ASK)],
    ['a string with values', 'SELECT 2', (client) => client.query('SELECT ?', [2])],
    ['options', ASK, (client) => client.query({ sql: ASK })],
    ['options with values', 'SELECT 2', (client) => client.query({ sql: 'SELECT ?', values: [2] })],
    ['options, with values as an argument', 'SELECT 2', (client) => client.query({ sql: 'SELECT ?' }, [2])],
    [
      'named values',
      "SELECT 'a:b'",
      (client) => client.query({ sql: 'SELECT :it', namedPlaceholders: true }, { it: 'a:b' }),
    ],
  ])('with promises, the server sees the comment of %s', async (_, text, ask) => {
    for (const { name, use } of promisedForms) {
      const request = tracker.start()
      await use((client) =>
        request.run(async () => {
          await ask(client)
          expect(currentRequest()).toBe(request)
        }),
      )
      expect(server.received.at(-1), name).toEqual(['query', `${text} ${commentOf(request)}`])
    }
    expect(server.received).toHaveLength(promisedForms.length)
  })

  test('two concurrent requests each have their own comment', async () => {
    const both = [tracker.start(), tracker.start()]
    await Promise.all(both.map((request) => request.run(() => promises.query(ASK))))
    expect(server.received).toEqual(both.map((request) => ['query', `${ASK} ${commentOf(request)}`]))
  })

  test('executed and prepared statements are not changed, and are prepared once for all requests', async () => {
    const pooled = await connectionOf(pool)
    const promisedPooled = await promises.getConnection()
    for (let round = 0; round < 3; round += 1) {
      await tracker.start().run(async () => {
        await called((done) => pooled.execute(ASK, done))
        await called((done) => pooled.execute({ sql: ASK }, [], done))
        const statement = (await called((done) => pooled.prepare(ASK, done))) as mysql.PrepareStatementInfo
        await called((done) => statement.execute([], (error: Error | null) => done(error)))
        await promisedPooled.execute(ASK)
        await (await promisedPooled.prepare(ASK)).execute([])
      })
    }
    pooled.release()
    promisedPooled.release()
    await tracker.start().run(() => called((done) => pool.execute(ASK, done)))
    await tracker.start().run(() => promises.execute(ASK))
    expect(server.received.filter(([kind]) => kind !== 'execute')).toEqual([
      ['prepare', ASK],
      ['prepare', ASK],
    ])
    expect(server.received.filter(([kind]) => kind === 'execute')).toHaveLength(17)
  })

  test.each([
    `${ASK} /* own */`,
    '/* own */ SELECT 1',
    `${ASK} -- own`,
    'SELECT /*! STRAIGHT_JOIN */ 1',
    'SELECT /*!80000 1 */',
    'SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1',
    'CREATE PROCEDURE p() SELECT 1',
    'create definer = root@localhost\nfunction f() returns int return 1',
    'CREATE OR REPLACE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.b = 1',
    'DROP EVENT IF EXISTS e; CREATE EVENT e ON SCHEDULE EVERY 1 HOUR DO SELECT 1',
    '  alter event e do select 2',
  ])('%j is not changed', async (sql) => {
    await tracker.start().run(async () => {
      await promises.query(sql)
      await promises.query({ sql })
    })
    expect(server.received).toEqual([
      ['query', sql],
      ['query', sql],
    ])
  })

  test.each([
    `${ASK} # own`,
    `${ASK} # own\n`,
    "SELECT '#'",
    'CREATE TABLE a (b int)',
    'SELECT event FROM created',
    'START TRANSACTION',
  ])('%j gets the comment', async (sql) => {
    const request = tracker.start()
    await request.run(() => promises.query(sql))
    expect(server.received).toEqual([['query', sql.replace(/\n?$/, (end) => ` ${commentOf(request)}${end}`)]])
  })

  test('a command object, queries outside a request, and queries of the unwrapped pool are not changed', async () => {
    const request = tracker.start()
    await called((done) => pool.query(ASK, done))
    await promises.query({ sql: ASK })
    await request.run(() => called((done) => plain.query(ASK, done)))
    await request.run(async () => {
      const connection = await connectionOf(pool)
      const command = connectionClass.createQuery(ASK, undefined, undefined, {})
      const ended = once(command, 'end')
      expect(connection.query(command)).toBe(command)
      await ended
      connection.release()
    })
    expect(server.received).toEqual(Array(4).fill(['query', ASK]))
  })

  test("the caller's options are not changed, and may be frozen or a class instance", async () => {
    class Statement {
      readonly parts = ['SELECT ?', 2] as const
      get sql(): string {
        return this.parts[0]
      }
      get values(): number[] {
        return [this.parts[1]]
      }
    }
    const options = Object.freeze({ sql: 'SELECT ?', values: Object.freeze([2]) as number[] })
    const request = tracker.start()
    await request.run(async () => {
      await promises.query(options)
      await promises.query(new Statement())
      await called((done) => pool.query(options, done))
    })
    expect(server.received).toEqual(Array(3).fill(['query', `SELECT 2 ${commentOf(request)}`]))
    expect(options).toEqual({ sql: 'SELECT ?', values: [2] })
  })

  test("errors are mysql2's own", async () => {
    const request = tracker.start()
    const calls: ((pool: promised.Pool) => Promise<unknown>)[] = [
      (client) => client.query('FAIL'),
      (client) => client.execute('FAIL'),
      // Untyped callers may pass anything.
      (client) => client.execute('SELECT ?', [undefined as unknown as null]),
      (client) => client.query(undefined as unknown as string),
      (client) => client.query(ASK, (() => undefined) as unknown as unknown[]),
    ]
    const failed = async (call: () => Promise<unknown>): Promise<unknown> => {
      try {
        return await call()
      } catch (error) {
        const { name, message, code } = error as { name: string; message: string; code: unknown }
        return { name, message, code }
      }
    }
    for (const call of calls) {
      const bare = await failed(() => call(plain.promise()))
      expect(bare).toHaveProperty('message')
      expect(await request.run(() => failed(() => call(promises)))).toEqual(bare)
    }
  })

  describe('the current request', () => {
    test('a callback that waited for a connection has the context of its own request, not of the one that released it', async () => {
      const [holder, waiting] = [tracker.start(), tracker.start()]
      const held = await holder.run(() => connectionOf(pool))
      const found: unknown[] = []
      const query = waiting.run(() =>
        Promise.all([
          called((done) => {
            pool.getConnection((error, connection) => {
              found.push(currentRequest())
              connection.query(ASK, (failure) => {
                found.push(currentRequest())
                connection.release()
                done(error ?? failure)
              })
            })
          }),
          called((done) => {
            pool.query(ASK, (error) => {
              found.push(currentRequest())
              done(error)
            })
          }),
          called((done) => {
            pool.execute(ASK, (error) => {
              found.push(currentRequest())
              done(error)
            })
          }),
        ]),
      )
      holder.run(() => held.release())
      await query
      expect(found).toEqual(Array(4).fill(waiting))
      expect(server.received.filter(([kind]) => kind === 'query')).toEqual(
        Array(2).fill(['query', `${ASK} ${commentOf(waiting)}`]),
      )
    })

    test.each<[string, (connection: mysql.Connection, done: Callback) => unknown]>([
      ['query', (connection, done) => connection.query(ASK, done)],
      ['query that fails', (connection, done) => connection.query('FAIL', done)],
      ['execute', (connection, done) => connection.execute(ASK, [], done)],
      ['execute that fails', (connection, done) => connection.execute('FAIL', done)],
      ['prepare', (connection, done) => connection.prepare('SELECT 3', done)],
      ['a statement', (connection, done) => connection.prepare(ASK, (_, statement) => statement.execute([], done))],
      ['ping', (connection, done) => connection.ping(done)],
      ['beginTransaction', (connection, done) => connection.beginTransaction(done)],
      ['commit', (connection, done) => connection.commit(done)],
      ['rollback', (connection, done) => connection.rollback(done)],
      ['changeUser', (connection, done) => connection.changeUser({ user: 'another' }, done)],
      ['reset', (connection, done) => connection.reset(done)],
      ['connect', (connection, done) => connection.connect(done)],
      [
        'end, after a query',
        (connection, done) => {
          connection.query(ASK)
          connection.end(done)
        },
      ],
    ])('it is available in the callback of %s, on a connection that another request opened', async (_, ask) => {
      const connection = await tracker.start().run(async () => {
        const opened = propagate(mysql.createConnection(server.address))
        await called((done) => opened.ping(done))
        return opened
      })
      const request = tracker.start()
      const found = await new Promise((resolve) => {
        request.run(() => ask(connection, () => resolve(currentRequest())))
      })
      expect(found).toBe(request)
      connection.destroy()
    })
  })

  describe('the wrapped client', () => {
    test('has getters, events and release of the original, and nothing is wrapped twice', async () => {
      expect(propagate(pool)).toBe(pool)
      expect(propagate(plain)).toBe(pool)
      expect(pool.on('enqueue', () => undefined)).toBe(pool)
      expect(Reflect.get(pool, 'config')).toBe(plain.config)
      const connection = await connectionOf(pool)
      expect(propagate(connection)).toBe(connection)
      expect(connection.threadId).toBe(7)
      connection.release()
      expect(await connectionOf(pool)).toBe(connection)
      connection.release()
      const own = propagate(mysql.createConnection(server.address))
      await called((done) => own.ping(done))
      expect(await called((done) => own.connect(done))).toBe(own)
      own.destroy()
      const promisedConnection = await promises.getConnection()
      expect(promisedConnection).toBeInstanceOf(promised.PoolConnection)
      promises.releaseConnection(promisedConnection)
      await promises.query(ASK)
    })

    test('releases its own connection to the pool', async () => {
      const wrapped = await connectionOf(pool)
      pool.releaseConnection(wrapped)
      const bare = await connectionOf(plain)
      expect(wrapped).not.toBe(bare)
      expect(propagate(bare)).toBe(wrapped)
      pool.releaseConnection(bare)
      expect(await connectionOf(plain)).toBe(bare)
      bare.release()
    })

    test('has the type of the original', () => {
      expectTypeOf(propagate<mysql.Pool>).returns.toEqualTypeOf<mysql.Pool>()
      expectTypeOf(propagate<mysql.Connection>).returns.toEqualTypeOf<mysql.Connection>()
      expectTypeOf(propagate<mysql.PoolConnection>).returns.toEqualTypeOf<mysql.PoolConnection>()
      expectTypeOf(propagate<mysql.PoolCluster>).returns.toEqualTypeOf<mysql.PoolCluster>()
      expectTypeOf(propagate<mysql.PoolNamespace>).returns.toEqualTypeOf<mysql.PoolNamespace>()
      expectTypeOf(propagate<promised.Pool>).returns.toEqualTypeOf<promised.Pool>()
      expectTypeOf(propagate<promised.Connection>).returns.toEqualTypeOf<promised.Connection>()
      expectTypeOf(propagate<promised.PoolConnection>).returns.toEqualTypeOf<promised.PoolConnection>()
      expectTypeOf(propagate<promised.PoolCluster>).returns.toEqualTypeOf<promised.PoolCluster>()
    })
  })
})

const URL_OF_MYSQL = process.env.MYSQL_URL ?? 'mysql://root@127.0.0.1:3306/test'

describe.skipIf(await isMissing())('mysql2 on MariaDB', () => {
  /** The query that the server is running: this one. */
  const ASK = 'SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID()'
  let pool: promised.Pool

  beforeAll(() => {
    pool = propagate(promised.createPool({ uri: URL_OF_MYSQL, connectionLimit: 2, multipleStatements: true }))
  })

  afterAll(() => pool.end())

  /** The first row of a result. */
  async function rowOf(result: Promise<[unknown, unknown]>): Promise<Record<string, unknown>> {
    const [rows] = await result
    // Only used for selects.
    return (rows as Record<string, unknown>[])[0] ?? {}
  }

  test.each<[string, string, unknown[]?]>([
    ['a text', ASK],
    ['values', `${ASK} AND 1 = ?`, [1]],
    ['quotes', `${ASK} AND '/' <> "#"`],
    ['a comment to the end of the line', `${ASK} # own`],
    ['such a comment and a line after it', `${ASK} # own\n AND 1 = 1`],
  ])('the process list shows the trace id: %s', async (_, sql, values) => {
    const request = tracker.start()
    const { info } = await request.run(() => rowOf(pool.query(sql, values)))
    expect(info).toBe(`${sql.replace('?', '1')} ${commentOf(request)}`)
  })

  test.each([[''], ['ANSI_QUOTES'], ['NO_BACKSLASH_ESCAPES'], ['ORACLE']])('in the SQL mode %j', async (mode) => {
    const connection = await pool.getConnection()
    const request = tracker.start()
    await connection.query('SET SESSION sql_mode = ?', [mode])
    const { info } = await request.run(() => rowOf(connection.query(`${ASK} AND 'a' = ?`, ['a'])))
    expect(info).toContain(commentOf(request))
    connection.destroy()
  })

  test('a statement that many requests execute is prepared once, without a comment', async () => {
    const connection = await pool.getConnection()
    const prepared = async (): Promise<unknown> =>
      (await rowOf(connection.query("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'"))).Value
    expect(await prepared()).toBe('0')
    for (let count = 0; count < 5; count += 1) {
      const { info } = await tracker.start().run(() => rowOf(connection.execute(`${ASK} AND 1 = ?`, [1])))
      expect(info).toBe(`${ASK} AND 1 = ?`)
    }
    expect(await prepared()).toBe('1')
    connection.destroy()
  })

  test('a transaction, several statements in one string, and an error work as unwrapped', async () => {
    const table = `throughline_${randomUUID().replaceAll('-', '')}`
    const request = tracker.start()
    await request.run(async () => {
      const connection = await pool.getConnection()
      await connection.query(`CREATE TEMPORARY TABLE ${table} (id INT PRIMARY KEY)`)
      await connection.beginTransaction()
      await connection.query(`INSERT INTO ${table} VALUES ?`, [[[1], [2]]])
      await connection.rollback()
      const [results] = await connection.query(`SELECT COUNT(*) AS count FROM ${table}; ${ASK};`)
      expect(results).toEqual([[{ count: 0 }], [{ info: expect.stringContaining(commentOf(request)) as unknown }]])
      await expect(connection.query('SELECT nonsense')).rejects.toMatchObject({
        code: 'ER_BAD_FIELD_ERROR',
        errno: 1054,
      })
      connection.destroy()
    })
  })

  test('definitions that the server stores have no comment', async () => {
    const name = `throughline_${randomUUID().replaceAll('-', '')}`
    await tracker.start().run(async () => {
      await pool.query(`CREATE PROCEDURE ${name}() SELECT 1`)
      await pool.query(`CREATE TABLE ${name} (id INT)`)
      await pool.query(`CREATE VIEW ${name}_view AS SELECT id FROM ${name}`)
      const definitions = [`PROCEDURE ${name}`, `TABLE ${name}`, `VIEW ${name}_view`].map((what) =>
        rowOf(pool.query(`SHOW CREATE ${what}`)),
      )
      for (const row of await Promise.all(definitions)) expect(JSON.stringify(row)).not.toContain('trace_id')
      await pool.query(`DROP PROCEDURE ${name}; DROP VIEW ${name}_view; DROP TABLE ${name}`)
    })
  })
})

/** MariaDB is optional: the protocol server checks the queries themselves. */
async function isMissing(): Promise<boolean> {
  try {
    const connection = await promised.createConnection({ uri: URL_OF_MYSQL, connectTimeout: SOON })
    await connection.end()
    return false
  } catch (error) {
    process.stderr.write(`skipped: MariaDB at ${new URL(URL_OF_MYSQL).host} does not answer (${String(error)})\n`)
    return true
  }
}

interface Form<C> {
  readonly name: string
  readonly use: (part: (client: C) => Promise<unknown>) => Promise<void>
}

function form<C>(name: string, make: () => Promise<C> | C, after: (client: C) => void): Form<C> {
  return {
    name,
    use: async (part) => {
      const client = await make()
      await part(client)
      after(client)
    },
  }
}

/** A class of mysql2's, whose types do not include how commands are created. */
const connectionClass = mysql.Connection as unknown as {
  createQuery(sql: string, values: unknown, callback: undefined, config: object): ReturnType<mysql.Connection['query']>
}

interface Recorder {
  /** What was received, in order: queries, and the ids of executed statements. */
  readonly received: ['query' | 'prepare' | 'execute', unknown][]
  readonly address: { readonly host: string; readonly port: number; readonly user: string }
  stop(): Promise<void>
}

/** mysql2's own server, which answers OK to everything except FAIL. */
async function recorder(): Promise<Recorder> {
  const received: Recorder['received'] = []
  let statements = 0
  const server = mysql.createServer((connection) => {
    const answer = (write: () => void): void => {
      write()
      // With mysql2, the server must reset the packet sequence for each command.
      connection.sequenceId = 0
    }
    const textAnswer = (kind: 'query' | 'prepare', ok: () => void) => (text: string) => {
      received.push([kind, text])
      answer(() => (text.startsWith('FAIL') ? connection.writeError({ message: 'no such thing', code: 1064 }) : ok()))
    }
    const ok = (): void => connection.writeOk({ affectedRows: 0 })
    // The socket is not in its types.
    const { stream } = connection as unknown as { stream: Writable }
    const authCallback = (_login: unknown, welcome: (error: null) => void): void => answer(() => welcome(null))
    const hello = {
      protocolVersion: 10,
      serverVersion: '8.0.0',
      connectionId: 7,
      statusFlags: 2,
      characterSet: 8,
      capabilityFlags: 0xffffff ^ 0x820,
    }
    connection.serverHandshake({ ...hello, authCallback })
    connection.on('query', textAnswer('query', ok))
    // The response for a statement without parameters and columns, which mysql2's server does not implement.
    connection.on(
      'stmt_prepare',
      textAnswer('prepare', () =>
        stream.write(Uint8Array.of(12, 0, 0, 1, 0, ++statements, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
      ),
    )
    connection.on('stmt_execute', (id: number) => {
      received.push(['execute', id])
      answer(ok)
    })
    connection.on('ping', () => answer(ok))
    const QUIT_STATEMENT = 25
    // Commands that it does not implement: changeUser, reset; and closing a statement, which has no response.
    connection.on(
      'packet',
      (_packet: unknown, known: boolean, code: number) =>
        known || answer(code === QUIT_STATEMENT ? () => undefined : ok),
    )
    connection.on('error', () => undefined)
  })
  // Only this member says when mysql2's server listens, and where.
  const listening = (server as unknown as { _server: Server })._server
  await once(listening.listen(0, '127.0.0.1'), 'listening')
  const { port } = listening.address() as AddressInfo
  return {
    received,
    address: { host: '127.0.0.1', port, user: 'anyone' },
    stop: () => new Promise((resolve) => listening.close(() => resolve())),
  }
}
