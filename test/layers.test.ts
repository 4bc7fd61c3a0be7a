import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesIn, importsOf, root, type Import } from './sources.ts'

/** What a folder may import, and why no more. A folder without a rule fails. */
interface Layer {
  readonly folder: string
  readonly own: readonly RegExp[]
  readonly packages: readonly RegExp[]
  readonly because: string
}

const LAYERS: readonly Layer[] = [
  {
    folder: 'machines/',
    own: [],
    packages: [/^xstate$/],
    because: 'people edit machines: they must read like any XState machine',
  },
  { folder: 'src/errors.ts', own: [], packages: [], because: 'every part raises errors' },
  { folder: 'src/index.ts', own: [/^src\//], packages: [], because: 'it is a table of contents' },
  {
    folder: 'src/lifecycle/',
    own: [/^src\/errors/],
    packages: [/^xstate(\/graph)?$/],
    because: 'the core is one pure function and a table',
  },
  {
    folder: 'src/trace/',
    own: [/^src\/errors/],
    packages: [/^uuid$/, /^node:crypto$/],
    because: 'ids and headers know nothing of requests',
  },
  {
    folder: 'src/transition/',
    own: [/^src\/(errors|trace|lifecycle)/],
    packages: [],
    because: 'a line is written and read in one place, purely',
  },
  {
    folder: 'src/history/',
    own: [/^src\/(lifecycle|transition)\//],
    packages: [],
    because: 'verdicts depend on records alone',
  },
  {
    folder: 'src/tracking/',
    own: [/^src\/(errors|lifecycle|trace|transition)/, /^src\/sinks\/(pino|standard)/, /^machines\//],
    packages: [/^node:(async_hooks|diagnostics_channel|http|http2|net|stream)$/, /^xstate$/],
    because: 'the writing road is one-way: adapters to tracking to transition to sinks',
  },
  {
    folder: 'src/sinks/',
    own: [/^src\/(transition|history)\//],
    packages: [/^pino$/, /^node:(events|fs)$/],
    because: 'a sink sees records and nothing else',
  },
  {
    folder: 'src/logs/',
    own: [/^src\/(errors|trace|transition|history)/],
    packages: [/^node:(fs|fs\/promises|os|stream|timers\/promises|worker_threads|zlib)$/, /^(tinyglobby|fzstd)$/],
    because: 'reading knows no machine',
  },
  {
    folder: 'src/adapters/',
    own: [/^src\/(tracking|trace)\//, /^src\/adapters\/_/],
    packages: [/^node:/],
    because: 'siblings never meet',
  },
  {
    folder: 'src/audit/',
    own: [/^src\/(errors|lifecycle|transition|history)/],
    packages: [],
    because: 'histories in, findings out; no files',
  },
  {
    folder: 'src/story/',
    own: [/^src\/(lifecycle|trace|transition|history)\//],
    packages: [],
    because: 'histories in, narrative out; no files',
  },
  {
    folder: 'src/diagrams/',
    own: [/^src\/(lifecycle|transition|history)\//],
    packages: [/^@hpcc-js\/wasm-graphviz$/],
    because: 'a machine in, a picture out; no files',
  },
  {
    folder: 'src/inquiry/',
    own: [/^src\/(errors|lifecycle|trace|transition|history|logs|audit|story)/, /^machines\//],
    packages: [/^xstate$/],
    because: 'what the command and programs both ask is asked in one place',
  },
  {
    folder: 'src/cli/',
    own: [/^src\//, /^machines\//],
    packages: [/./],
    because: 'the command is the only place with arguments and exit status',
  },
]

/** A host's package may be imported in its adapter's own files only: the one of its name, and the folder with its parts. */
const HOSTS: Readonly<Record<string, RegExp>> = {
  amqplib: /^amqplib$/,
  bullmq: /^bullmq$/,
  fastify: /^fastify$/,
  grpc: /^@grpc\/grpc-js$/,
  nats: /^(nats|@nats-io\/.*)$/,
  nestjs: /^@nestjs\/(common|core|microservices)$/,
  'pg-boss': /^pg-boss$/,
}

/** The host of a file of src/adapters: `grpc` of `grpc.ts` and of `_grpc/call.ts`. */
function hostOf(file: string): RegExp | undefined {
  const name = Object.keys(HOSTS).find(
    (host) => file === `src/adapters/${host}.ts` || file.startsWith(`src/adapters/_${host}/`),
  )
  return name === undefined ? undefined : HOSTS[name]
}

const files = filesIn('src', 'machines')
const imports = files.flatMap(importsOf)

describe('layers', () => {
  it.each(files)('%s has a rule', (file) => {
    expect(LAYERS.filter(({ folder }) => file.startsWith(folder))).toHaveLength(1)
  })

  it.each(LAYERS)('$folder keeps to itself: $because', ({ folder, own, packages }) => {
    const broken = imports.filter(({ file, target }) => {
      if (!file.startsWith(folder) || (target.startsWith(folder) && folder !== 'src/adapters/')) return false
      return ![...own, ...packages, hostOf(file)].some((allowed) => allowed?.test(target) === true)
    })
    expect(broken).toEqual([])
  })

  it('the command is imported by nobody', () => {
    expect(imports.filter(({ file, target }) => target.startsWith('src/cli/') && !file.startsWith('src/cli/'))).toEqual(
      [],
    )
  })

  it('an adapter is a manifest and some glue, and what it shares stands apart', () => {
    const lines = filesIn('src/adapters').map((file): [string, number] => [
      file,
      readFileSync(join(root, file), 'utf8').split('\n').length - 1,
    ])
    expect(lines.filter(([file, count]) => count > (file.includes('/_') ? 150 : 90))).toEqual([])
  })

  it('formats of diagrams never import each other', () => {
    const formats = ['mermaid', 'dot', 'json', 'svg'].map((name) => `src/diagrams/${name}.ts`)
    expect(imports.filter(({ file, target }) => formats.includes(file) && formats.includes(target))).toEqual([])
  })

  it('there are no circles', () => {
    expect(circle(imports.filter(({ typeOnly }) => !typeOnly))).toBeUndefined()
  })
})

function circle(edges: readonly Import[]): readonly string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const { target } of edges.filter((edge) => edge.file === file)) {
      const found = visit(target, [...way, file])
      if (found !== undefined) return found
    }
    done.add(file)
    return undefined
  }
  return files.map((file) => visit(file, [])).find((found) => found !== undefined)
}
