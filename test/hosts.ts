/** A framework, client, driver or queue that has an adapter. */
export interface Host {
  /** `src/adapters/<subpath>.ts`, `test/adapters/<subpath>.test.ts` and `throughline/<subpath>`. */
  readonly subpath: string
  /** The name in the tables of README.md and docs/adapters.md. */
  readonly name: string
  /** The heading that describes it, from docs/. */
  readonly page: string
  /** The runnable file in examples/. */
  readonly example: string
  /** What the subpath exports, types apart. */
  readonly exports: readonly string[]
  /**
   * The host's packages, which are optional peer dependencies, with their supported ranges. package.json asks for no
   * range: npm refuses to install us beside a version outside of it, also for a program that uses other adapters.
   */
  readonly peers: Readonly<Record<string, string>>
  /** The packages that the adapter imports itself; the others it knows by structural types only. */
  readonly imports?: RegExp
  /** The contract suite that its test mounts, or why there is none. */
  readonly contract: 'http' | 'queue' | { readonly none: string }
}

const PRODUCER_AND_CONSUMER = ['propagate', 'trackRequest'] as const

/**
 * Every host, one row each. package.json, README.md, docs/adapters.md, docs/support.md, the import rules and the list
 * of exports are checked against these rows by hosts.test.ts, layers.test.ts and package.test.ts.
 */
export const HOSTS: readonly Host[] = [
  {
    subpath: 'express',
    name: 'Express',
    page: 'adapters/http-servers.md#express',
    example: 'express.ts',
    exports: ['authenticated', 'trackRequest'],
    peers: { express: '^5.0.0' },
    imports: /^express$/,
    contract: 'http',
  },
  {
    subpath: 'fastify',
    name: 'Fastify',
    page: 'adapters/http-servers.md#fastify',
    example: 'fastify.ts',
    exports: ['trackRequest'],
    peers: { fastify: '^5.0.0' },
    imports: /^fastify$/,
    contract: 'http',
  },
  {
    subpath: 'koa',
    name: 'Koa',
    page: 'adapters/http-servers.md#koa',
    example: 'koa.ts',
    exports: ['authenticated', 'trackRequest'],
    peers: { koa: '^2.0.0 || ^3.0.0' },
    contract: 'http',
  },
  {
    subpath: 'hono',
    name: 'Hono',
    page: 'adapters/http-servers.md#hono',
    example: 'hono.ts',
    exports: ['authenticated', 'trackRequest'],
    peers: { hono: '^4.0.0' },
    imports: /^hono$/,
    contract: 'http',
  },
  {
    subpath: 'nestjs',
    name: 'NestJS',
    page: 'adapters/http-servers.md#nestjs',
    example: 'nestjs.ts',
    exports: ['TrackRequestModule', 'propagate'],
    peers: { '@nestjs/common': '^11.0.0 || ^12.0.0', '@nestjs/core': '^11.0.0 || ^12.0.0' },
    imports: /^@nestjs\/(common|core|microservices)$/,
    contract: 'http',
  },
  {
    subpath: 'grpc',
    name: 'gRPC',
    page: 'adapters/calls.md#grpc',
    example: 'grpc.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { '@grpc/grpc-js': '^1.10.0' },
    imports: /^@grpc\/grpc-js$/,
    contract: { none: 'its ends, deadlines and metadata are its own' },
  },
  {
    subpath: 'fetch',
    name: 'fetch',
    page: 'adapters/calls.md#fetch',
    example: 'fetch.ts',
    exports: ['propagate'],
    peers: {},
    contract: { none: 'a client writes no lines' },
  },
  {
    subpath: 'http',
    name: 'node:http',
    page: 'adapters/calls.md#nodes-own-client',
    example: 'http-client.ts',
    exports: ['propagate'],
    peers: {},
    contract: { none: 'a client writes no lines' },
  },
  {
    subpath: 'amqplib',
    name: 'RabbitMQ',
    page: 'adapters/queues.md#rabbitmq-amqplib',
    example: 'amqplib.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { amqplib: '>=0.10.0' },
    contract: 'queue',
  },
  {
    subpath: 'bullmq',
    name: 'BullMQ',
    page: 'adapters/queues.md#bullmq',
    example: 'bullmq.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { bullmq: '^5.34.0 || ^6.0.0' },
    contract: 'queue',
  },
  {
    subpath: 'nats',
    name: 'NATS',
    page: 'adapters/queues.md#nats',
    example: 'nats.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { '@nats-io/nats-core': '^3.0.0', '@nats-io/transport-node': '^3.0.0', nats: '^2.29.0' },
    contract: 'queue',
  },
  {
    subpath: 'pg-boss',
    name: 'pg-boss',
    page: 'adapters/queues.md#pg-boss',
    example: 'pg-boss.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { 'pg-boss': '^10.0.0 || ^11.0.0 || ^12.0.0' },
    contract: 'queue',
  },
  {
    subpath: 'kafka',
    name: 'Kafka',
    page: 'adapters/queues.md#kafka',
    example: 'kafka.ts',
    exports: PRODUCER_AND_CONSUMER,
    peers: { kafkajs: '^2.0.0' },
    contract: { none: 'kafkajs counts no attempts' },
  },
  {
    subpath: 'sqs',
    name: 'SQS',
    page: 'adapters/queues.md#sqs-and-sns',
    example: 'sqs.ts',
    exports: ['fromSns', 'propagate', 'trackRequest'],
    peers: { '@aws-sdk/client-sqs': '^3.0.0' },
    contract: 'queue',
  },
  {
    subpath: 'lambda',
    name: 'AWS Lambda',
    page: 'adapters/queues.md#aws-lambda',
    example: 'lambda.ts',
    exports: ['fromSns', 'trackRecords', 'trackRequest'],
    peers: {},
    contract: { none: 'Lambda calls a function: there is no broker to talk to' },
  },
  {
    subpath: 'pg',
    name: 'PostgreSQL',
    page: 'adapters/databases.md#pg',
    example: 'pg.ts',
    exports: ['propagate'],
    peers: { pg: '^8.0.0' },
    contract: { none: 'a driver writes no lines' },
  },
  {
    subpath: 'mysql2',
    name: 'MySQL',
    page: 'adapters/databases.md#mysql2',
    example: 'mysql2.ts',
    exports: ['propagate'],
    peers: { mysql2: '^3.0.0' },
    contract: { none: 'a driver writes no lines' },
  },
]
