import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { headersOfHandOff } from '../call-headers.ts'
import { propagate } from '../../src/adapters/pg.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import { engines, type Database } from '../services.ts'

const tracker = createTracker({ service: 'catalog', logger: false })
const ASK = 'select current_query() as text'

/** The comment that a request's queries must have. */
function commentOf(request = tracker.start()): { request: typeof request; text: string } {
  const { 'x-trace-id': traceId, traceparent } = headersOfHandOff(request)
  return { request, text: `${ASK} /*trace_id='${String(traceId)}',traceparent='${String(traceparent)}'*/` }
}

interface QueryRow {
  text: string
}

for (const engine of engines)
  describe.skipIf(engine.missing)(`pg on ${engine.name}`, () => {
    let database: Database
    let plain: pg.Pool
    let pool: pg.Pool

    beforeAll(async () => {
      database = await engine.start()
      plain = new pg.Pool({ connectionString: database.url, max: 2 })
      pool = propagate(plain)
    })

    afterAll(async () => {
      await pool.end()
      await database.stop()
    })

    test.each<[string, (client: pg.Pool | pg.PoolClient) => Promise<pg.QueryResult<QueryRow>>]>([
      ['a text', (client) => client.query<QueryRow>(ASK)],
      ['a string with values', (client) => client.query<QueryRow>(`${ASK} where $1::int = 1`, [1])],
      ['a config', (client) => client.query<QueryRow>({ text: ASK })],
      ['a config with values', (client) => client.query<QueryRow>({ text: `${ASK} where $1::int = 1`, values: [1] })],
      [
        'a config, with values as an argument',
        (client) => client.query<QueryRow>({ text: `${ASK} where $1::int = 1` }, [1]),
      ],
      ['a callback', (client) => called((done) => client.query<QueryRow>(ASK, done))],
      [
        'values and a callback',
        (client) => called((done) => client.query<QueryRow>(`${ASK} where $1::int = 1`, [1], done)),
      ],
    ])('the server sees the comment of %s, from a pool and from its client', async (_, ask) => {
      const { request, text } = commentOf()
      const comment = text.slice(ASK.length)
      await request.run(async () => {
        const client = await pool.connect()
        try {
          for (const result of [await ask(pool), await ask(client)]) {
            expect(result.rows[0]?.text.startsWith(ASK)).toBe(true)
            expect(result.rows[0]?.text.endsWith(comment)).toBe(true)
          }
        } finally {
          client.release()
        }
      })
    })

    test('a single client connects, queries and ends', async () => {
      const { request, text } = commentOf()
      const client = propagate(new pg.Client(database.url))
      expect(await client.connect()).toBe(client)
      expect((await request.run(() => client.query<QueryRow>(ASK))).rows).toEqual([{ text }])
      await client.end()
    })

    test('two concurrent requests, on two clients, each have their own comment', async () => {
      const both = [commentOf(), commentOf()]
      const results = await Promise.all(both.map(({ request }) => request.run(() => pool.query<QueryRow>(ASK))))
      expect(results.map(({ rows }) => rows[0]?.text)).toEqual(both.map(({ text }) => text))
    })

    test('a callback that waited for a client has the context of its own request, not of the one that released it', async () => {
      const [holder, other, waiting] = [commentOf(), commentOf(), commentOf()]
      const held = await holder.request.run(() => pool.connect())
      const alsoHeld = await other.request.run(() => pool.connect())
      const query = waiting.request.run(() =>
        called<QueryRow>((done) => {
          pool.connect((error, client, release) => {
            expect(error).toBeUndefined()
            expect(currentRequest()).toBe(waiting.request)
            client?.query<QueryRow>(ASK, (failure, result) => {
              expect(currentRequest()).toBe(waiting.request)
              release()
              done(failure, result)
            })
          })
        }),
      )
      holder.request.run(() => held.release())
      expect((await query).rows).toEqual([{ text: waiting.text }])
      alsoHeld.release()
    })

    test('prepared statements, commented queries and queries outside a request are not changed', async () => {
      const { request } = commentOf()
      const commented = `${ASK} /* own */`
      await request.run(async () => {
        const client = await pool.connect()
        const prepared = { name: 'ask', text: ASK }
        expect((await client.query<QueryRow>(prepared)).rows).toEqual([{ text: ASK }])
        expect((await client.query<QueryRow>(prepared)).rows).toEqual([{ text: ASK }])
        expect((await client.query<QueryRow>(commented)).rows).toEqual([{ text: commented }])
        await client.query('deallocate all')
        client.release(true)
      })
      expect((await pool.query<QueryRow>(ASK)).rows).toEqual([{ text: ASK }])
      expect((await request.run(() => plain.query<QueryRow>(ASK))).rows).toEqual([{ text: ASK }])
    })

    test('an object that submits itself is passed on and returned', async () => {
      const { request } = commentOf()
      const client = await pool.connect()
      const query = new pg.Query<QueryRow>(ASK)
      const rows: QueryRow[] = []
      query.on('row', (row) => rows.push(row))
      const ended = new Promise((resolve) => query.on('end', resolve))
      expect(request.run(() => client.query(query))).toBe(query)
      await ended
      expect(rows).toEqual([{ text: ASK }])
      client.release()
    })

    test("the caller's config is not changed, and may be frozen or a class instance", async () => {
      class Statement {
        readonly values = [1]
        get text(): string {
          return `${ASK} where $1::int = 1`
        }
      }
      const { request } = commentOf()
      const config = Object.freeze({ text: ASK, rowMode: 'array' as const })
      await request.run(async () => {
        expect((await pool.query<[string]>(config)).rows[0]?.[0]).toMatch(/traceparent=/)
        expect((await pool.query<QueryRow>(new Statement())).rows[0]?.text).toMatch(/traceparent=/)
      })
      expect(config).toEqual({ text: ASK, rowMode: 'array' })
    })

    test('several statements in one string, a final semicolon and an error work as unwrapped', async () => {
      const { request } = commentOf()
      await request.run(async () => {
        const results = (await pool.query(`select 1 as one; ${ASK};`)) as unknown as pg.QueryResult[]
        expect(results.map(({ rows }) => rows.length)).toEqual([1, 1])
        await expect(pool.query('select nonsense')).rejects.toMatchObject({ code: '42703' })
      })
    })

    test('the wrapped pool has the members of the pool (getters, events, release), and nothing is wrapped twice', async () => {
      expect(pool).toBeInstanceOf(pg.Pool)
      expect(propagate(pool)).toBe(pool)
      expect(propagate(plain)).toBe(pool)
      expect(Reflect.get(pool, 'query')).toBe(Reflect.get(pool, 'query'))
      expect(pool.on('error', () => undefined)).toBe(pool)
      const client = await pool.connect()
      expect(client.on('error', () => undefined)).toBe(client)
      expect(pool.totalCount - pool.idleCount).toBe(1)
      client.release()
      expect(pool.totalCount).toBe(pool.idleCount)
      expect(() => client.release()).toThrow(/already been released/)
    })

    test('pg_stat_activity shows the trace id of a query', async ({ skip }) => {
      if (engine.name === 'PGlite') skip('PGlite has one session, and no statistics of it')
      const { request } = commentOf()
      const client = await pool.connect()
      const sessions = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
      expect(sessions.rows).toHaveLength(1)
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      await request.run(() => client.query('select 1'))
      const seen = await pool.query<{ query: string }>('select query from pg_stat_activity where pid = $1', [
        rows[0]?.pid,
      ])
      expect(seen.rows[0]?.query).toContain(`trace_id='${request.traceId}'`)
      client.release()
    })
  })

/** Turns a call with a callback into a promise. */
function called<R extends pg.QueryResultRow>(
  ask: (done: (error: Error | undefined, result: pg.QueryResult<R>) => void) => void,
): Promise<pg.QueryResult<R>> {
  return new Promise((resolve, reject) => {
    ask((error, result) => {
      // Without an error, pg passes null or undefined.
      if (error instanceof Error) reject(error)
      else resolve(result)
    })
  })
}
