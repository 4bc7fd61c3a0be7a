/**
 * The examples of the hosts as projects of their own: each with the packed tarball and the strictest settings, built
 * with tsc and run on several versions of Node. What each prints must be a log of requests that all ended.
 *
 *   node --import tsx .ci/skeletons.ts [--report FILE] [NODE ...]
 *
 * NODE is the path of a Node; by default the current one.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { inParallel, outsideFolder, report, root, run, type Result } from './outside.ts'

interface Project {
  readonly name: string
  /** From the root. */
  readonly source: string
  readonly packages: readonly string[]
  /** By default a package of ES modules. */
  readonly type?: 'commonjs'
  readonly options?: Readonly<Record<string, unknown>>
}

const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs']

/** Declarations that do not pass the checks themselves, with our types or without. */
const FAULTY_TYPES = { skipLibCheck: true }

function example(name: string, packages: readonly string[] = [], options: Project['options'] = {}): Project {
  return { name, source: `examples/${name}.ts`, packages, options }
}

const PROJECTS: readonly Project[] = [
  example('http'),
  example('express', ['express', '@types/express']),
  example('fastify', ['fastify']),
  example('koa', ['koa', '@koa/router', '@types/koa'], FAULTY_TYPES),
  example('hono', ['hono', '@hono/node-server'], { lib: ['es2023', 'dom'] }),
  example('nestjs', [...NEST, '@nestjs/microservices']),
  {
    name: 'nestjs, decorators, CommonJS',
    source: '.ci/skeletons/nestjs.ts',
    packages: NEST,
    type: 'commonjs',
    options: { experimentalDecorators: true, emitDecoratorMetadata: true, verbatimModuleSyntax: false },
  },
  example('grpc', ['@grpc/grpc-js']),
  example('amqplib', ['amqplib']),
  example('bullmq', ['bullmq', 'ioredis']),
  example('nats', ['@nats-io/transport-node', '@nats-io/jetstream'], FAULTY_TYPES),
  // Without its peer, which npm installs by itself elsewhere, pg-boss 12 does not load.
  example(
    'pg-boss',
    ['pg-boss', '@opentelemetry/api', '@electric-sql/pglite', '@electric-sql/pglite-socket'],
    FAULTY_TYPES,
  ),
  example('kafka', ['kafkajs']),
  example('sqs', ['@aws-sdk/client-sqs']),
  example('lambda', ['@types/aws-lambda']),
]

const STRICTEST = {
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  declaration: true,
  skipLibCheck: false,
  rootDir: '.',
  outDir: 'dist',
}

/** The folder of a project in the work folder. */
function folderOf({ name }: Project): string {
  return name.replaceAll(/\W+/g, '-')
}

async function build(work: string, project: Project): Promise<Result> {
  const folder = join(work, folderOf(project))
  mkdirSync(folder)
  copyFileSync(join(root, project.source), join(folder, 'main.ts'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: project.type ?? 'module' }))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...STRICTEST, ...project.options }, include: ['main.ts'] }),
  )
  const { ok, stdout } = await run(folder, process.execPath, [join(work, '../node_modules/typescript/bin/tsc')])
  return { name: `${project.name}: compiles`, failure: ok ? undefined : stdout }
}

async function smoke(work: string, project: Project, node: string): Promise<Result> {
  const folder = join(work, folderOf(project))
  const version = (await run(folder, node, ['--version'])).stdout.trim()
  const name = `${project.name}: runs on Node ${version}`
  // The example of pg-boss starts a database of its own.
  const { ok, stdout, stderr } = await run(folder, node, ['dist/main.js'], { DATABASE_URL: undefined })
  if (!ok) return { name, failure: stderr }
  if (stdout.includes('is not reachable'))
    return process.env.REQUIRE_SERVICES === '1' ? { name, failure: stdout } : { name, skipped: stdout }
  const log = `${basename(node)}-${version}.ndjson`
  writeFileSync(join(folder, log), stdout)
  const command = join(work, 'node_modules/throughline/dist/src/cli/main.js')
  const audit = await run(folder, node, [command, 'audit', '--now', 'end', '--format', 'json', log])
  if (!audit.ok) return { name, failure: `${audit.stdout}${audit.stderr}${stdout}` }
  // The shape is that of an audit's JSON.
  const { checked } = JSON.parse(audit.stdout) as { readonly checked: Readonly<Record<string, number>> }
  return checked.requests !== undefined && checked.requests > 0 ? { name } : { name, failure: stdout }
}

const { values, positionals } = parseArgs({ options: { report: { type: 'string' } }, allowPositionals: true })
const nodes = positionals.length > 0 ? positionals : [process.execPath]
const packages = [...new Set(PROJECTS.flatMap((project) => project.packages)), 'typescript', '@types/node']
const work = await outsideFolder(packages)
if (work !== undefined) {
  const built = await inParallel(PROJECTS.map((project) => () => build(work, project)))
  const ran = await inParallel(PROJECTS.flatMap((project) => nodes.map((node) => () => smoke(work, project, node))))
  report('skeletons', [...built, ...ran], values.report)
}
