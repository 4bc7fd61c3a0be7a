import express from 'express'
import fileUpload from 'express-fileupload'
import fastify from 'fastify'
import formidable from 'formidable'
import Koa from 'koa'
import multer from 'multer'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { connect, constants, createServer as createServer2 } from 'node:http2'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { trackRequest as trackExpress } from '../../src/adapters/express.ts'
import { trackRequest as trackFastify } from '../../src/adapters/fastify.ts'
import { trackRequest as trackKoa } from '../../src/adapters/koa.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import { currentRequest } from '../../src/tracking/current-request.ts'
import { deferred } from '../deferred.ts'
import { engines, type Database } from '../services.ts'
import { ask, head } from './http-client.ts'
import type { RunningServer } from './http-host.ts'
import { listen } from './http-servers.ts'
import { ask2 } from './http2-client.ts'

const tracker = createTracker({ service: 'api', logger: false })
const open: RunningServer[] = []

afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function serve(server: Parameters<typeof listen>[0]): Promise<string> {
  const running = await listen(server)
  open.push(running)
  return running.url
}

/** Whether the current request is that of a request of node:http, another one, or none. */
function contextOf(req: object): string {
  const current = currentRequest()
  if (current === undefined) return 'none'
  return current === currentRequest(req) ? 'own' : 'of another'
}

type Step = (req: IncomingMessage, res: ServerResponse, done: (error?: unknown) => void) => void

const REQUESTS = 20
const OWN = Array<string>(REQUESTS).fill('own')

const FORM = [
  '--edge\r\ncontent-disposition: form-data; name="a"; filename="a.txt"\r\ncontent-type: text/plain\r\n\r\n',
  'hello'.repeat(20_000),
  '\r\n--edge--\r\n',
].join('')

/** Sends a form in many requests at once, on few connections, and returns their answers. */
async function sendForms(url: string): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const headers = { 'content-type': 'multipart/form-data; boundary=edge' }
  try {
    const sent = Array.from({ length: REQUESTS }, () => ask(url, { method: 'POST', agent, headers, body: FORM }))
    return (await Promise.all(sent)).map(({ body }) => body)
  } finally {
    agent.destroy()
  }
}

/** A middleware of Express, of whose request these use only the members of Node's. */
function stepOf(middleware: unknown): Step {
  return middleware as Step
}

const upload = multer({ storage: multer.memoryStorage() })

/** What reads a body in the events of the request, and then calls what follows. */
const READERS: readonly (readonly [string, Step])[] = [
  ['multer', stepOf(upload.any())],
  ['multer, which writes to the disk', stepOf(multer({ dest: tmpdir() }).any())],
  ['express-fileupload', stepOf(fileUpload())],
  ['express-fileupload, which writes to the disk', stepOf(fileUpload({ useTempFiles: true, tempFileDir: tmpdir() }))],
  ['formidable', (req, _res, done) => formidable({}).parse(req, done)],
  ['listeners of data and end', (req, _res, done) => void req.on('data', () => undefined).on('end', () => done())],
]

/** Each host, with a step before its handler, which answers whose context it is in. */
const HOSTS: readonly (readonly [string, (step: Step) => Promise<string>])[] = [
  [
    'node:http',
    (step) =>
      serve(
        createServer(
          tracker.trackRequest((req: IncomingMessage, res: ServerResponse) =>
            step(req, res, () => void res.end(contextOf(req))),
          ),
        ),
      ),
  ],
  [
    'Express',
    (step) =>
      serve(
        createServer(
          express()
            .use(trackExpress({ tracker }), step)
            .use((req, res) => void res.end(contextOf(req))),
        ),
      ),
  ],
  [
    'Koa',
    (step) => {
      const app = new Koa().use(trackKoa({ tracker })).use(
        (ctx) =>
          new Promise<void>((resolve) => {
            step(ctx.req, ctx.res, () => {
              ctx.body = contextOf(ctx.req)
              resolve()
            })
          }),
      )
      return serve(createServer((req, res) => void app.callback()(req, res)))
    },
  ],
  [
    'Fastify',
    async (step) => {
      const app = fastify()
      await app.register(trackFastify, { tracker })
      app.addContentTypeParser('multipart/form-data', (_req, _payload, done) => done(null))
      app.addHook('preHandler', (req, reply, done) => step(req.raw, reply.raw, () => done()))
      app.post('/', (req, reply) => reply.send(contextOf(req.raw)))
      await app.ready()
      return serve(app.server)
    },
  ],
]

describe.each(HOSTS)('on %s the current request is still its own', (_, start) => {
  test.each(READERS)('after %s', async (_, step) => {
    expect(await sendForms(await start(step))).toEqual(OWN)
  })
})

describe('a connection pool with callbacks, which run in the context of the request that opened the connection', () => {
  let database: Database
  let pool: pg.Pool
  beforeAll(async () => {
    const [engine] = engines
    if (engine === undefined) throw new Error('there is no database')
    database = await engine.start()
    pool = new pg.Pool({ connectionString: database.url, max: 1 })
  })
  afterAll(async () => {
    await pool.end()
    await database.stop()
  })

  const query: Step = (_req, _res, done) => pool.query('select 1', (error) => done(error))

  test.each(HOSTS.filter(([host]) => host === 'Express' || host === 'Fastify'))(
    'on %s, what follows the middleware is in the context of its own request',
    async (_, start) => {
      expect(await sendForms(await start(query))).toEqual(OWN)
    },
  )

  test('in the callback itself, only currentRequest(req) finds it', async () => {
    const found = new Set<unknown>()
    const url = await serve(
      createServer(
        tracker.trackRequest((req: IncomingMessage, res: ServerResponse) =>
          query(req, res, () => {
            found.add(currentRequest(req))
            res.end(contextOf(req))
          }),
        ),
      ),
    )
    expect(await sendForms(url)).toContain('of another')
    expect(found.size).toBe(REQUESTS)
  })
})

test('the events of a response whose client has left are in the context of its request', async () => {
  const [closed, contexts] = [deferred(), [] as string[]]
  const url = await serve(
    createServer(
      tracker.trackRequest((req: IncomingMessage, res: ServerResponse) => {
        const note = (): void => void contexts.push(contextOf(req))
        req.on('aborted', note).on('error', note).on('close', note)
        res.on('close', note).on('close', () => closed.resolve())
        res.write('part')
      }),
    ),
  )
  const response = await head(url, { method: 'POST', headers: { 'content-length': '9' }, body: 'part' }).catch(
    () => undefined,
  )
  response?.on('error', () => undefined).destroy()
  await closed.promise
  expect(new Set(contexts)).toEqual(new Set(['own']))
})

test('the events of a request over HTTP/2 are in its context, finished or cancelled', async () => {
  const contexts = new Map<string, string>()
  let ended = deferred()
  const url = await serve(
    createServer2(
      tracker.trackRequest((req, res) => {
        const note = (event: string) => (): void => void contexts.set(event, contextOf(req))
        for (const event of ['end', 'close', 'aborted']) req.on(event, note(`request ${event}`))
        for (const event of ['finish', 'close']) res.on(event, note(`response ${event}`))
        res.on('close', () => ended.resolve())
        if (req.method === 'POST') req.resume().on('end', () => void res.end('done'))
        else res.write('part')
      }),
    ),
  )
  await ask2(url, { body: 'order' })
  await ended.promise
  expect(Object.fromEntries(contexts)).toMatchObject({
    'request end': 'own',
    'response finish': 'own',
    'response close': 'own',
  })
  contexts.clear()
  ended = deferred()
  const client = connect(url)
  const stream = client.request().on('error', () => undefined)
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  await ended.promise
  client.close()
  expect(new Set(contexts.values())).toEqual(new Set(['own']))
})
