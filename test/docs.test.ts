import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { requestWithRetriesMachine } from '../machines/request-with-retries.ts'
import { requestMachine } from '../machines/request.ts'
import type { Io } from '../src/cli/io.ts'
import { run } from '../src/cli/program.ts'
import { containsDiagram } from '../src/diagrams/check.ts'
import { graphOf } from '../src/diagrams/graph.ts'
import { mermaid } from '../src/diagrams/mermaid.ts'
import { ERROR_CODES } from '../src/errors.ts'
import { audit } from '../src/queries/audit.ts'
import { compile } from '../src/machine/compile.ts'
import { formatDuration } from '../src/machine/duration.ts'
import { FIELD_NAMES } from '../src/record/record.ts'
import { HOSTS } from './hosts.ts'
import { LAYERS } from './layers.ts'
import { keysOf } from './lines.ts'
import { filesIn, root } from './sources.ts'

const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'examples/storefront/README.md',
  'test/README.md',
  ...filesIn('docs'),
]

describe('docs/architecture.md', () => {
  const listed = treeIn(page('docs/architecture.md'))

  it.each(['src', 'machines', 'docs'])('names exactly the files of %s', (folder) => {
    expect(listed.filter((file) => file.startsWith(`${folder}/`) && !file.endsWith('/')).sort()).toEqual(
      filesIn(folder),
    )
  })

  it('names nothing that does not exist', () => {
    expect(listed.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  it('shows the import rules', () => {
    const rows = LAYERS.map(({ path, own, because }) => `| \`${path}\` | ${listOf(own)} | ${because} |`)
    const shown = page('docs/architecture.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(shown.slice(0, rows.length)).toEqual(rows)
  })

  it('names files that exist in its walks', () => {
    const walks = section(page('docs/architecture.md'), '## Where to find things', '## ')
    const named = [...walks.matchAll(/`((?:src|machines|test)\/[\w./-]+)`/g)].map(([, file = '']) => file)
    expect(named.length).toBeGreaterThan(4)
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })
})

describe('CONTRIBUTING.md', () => {
  const paths = [
    ...page('CONTRIBUTING.md').matchAll(/`((?:src|machines|test|docs|examples|bench|\.ci)\/[^`\s]*)`/g),
  ].map(([, path = '']) => path)

  it('names files and folders that exist', () => {
    const fixed = paths.filter((path) => !path.includes('<'))
    expect(fixed.length).toBeGreaterThan(10)
    expect(fixed.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it('names what every host has', () => {
    const patterns = paths.filter((path) => path.includes('<host>'))
    expect(patterns.length).toBeGreaterThan(2)
    const missing = patterns.flatMap((pattern) =>
      HOSTS.map(({ subpath, example }) =>
        pattern.replace('<host>', pattern.startsWith('examples/') ? example.replace('.ts', '') : subpath),
      ).filter((path) => !existsSync(join(root, path))),
    )
    expect(missing).toEqual([])
  })

  it('names scripts that package.json has', () => {
    const scripts = [...page('CONTRIBUTING.md').matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script)
    const manifest = JSON.parse(page('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
    expect(scripts.length).toBeGreaterThan(4)
    expect(scripts.filter((script) => manifest.scripts[script] === undefined)).toEqual([])
  })
})

describe('docs/lifecycle.md', () => {
  const text = page('docs/lifecycle.md')

  it.each([requestMachine, requestWithRetriesMachine])('describes the machine $id in its own words', (machine) => {
    const table = compile(machine)
    expect(containsDiagram(text, mermaid(graphOf(table)))).toBe(true)
    for (const { name, description, final, stuckAfterMs } of table.states) {
      expect(text).toContain(`| ${name} | ${description} | ${final ? '|' : `${formatDuration(stuckAfterMs)} |`}`)
    }
    for (const { name, description } of table.events) expect(text).toContain(`| \`${name}\` | ${description} |`)
  })
})

it('README.md holds the diagram of the default machine', () => {
  expect(containsDiagram(page('README.md'), mermaid(graphOf(compile(requestMachine))))).toBe(true)
})

it('docs/errors.md lists exactly the error codes', () => {
  expect([...page('docs/errors.md').matchAll(/^## (\w+)$/gm)].map(([, code]) => code)).toEqual(Object.keys(ERROR_CODES))
})

describe('docs/log-format.md', () => {
  const text = page('docs/log-format.md')
  const golden = readFileSync(join(root, 'test/record/golden.ndjson'), 'utf8').trim().split('\n')

  it('lists exactly the fields of a line, in the order written', () => {
    const fields = firstColumn(section(text, '## Fields', '### '))
    const written = golden.map(keysOf)
    expect([...new Set(written.flat())].sort()).toEqual([...fields].sort())
    expect(fields).toEqual(FIELD_NAMES)
    for (const keys of written) expect(keys).toEqual(fields.filter((field) => keys.includes(field)))
  })

  it('shows lines exactly as written', () => {
    const shown = blocksOf(section(text, '## Examples', '## '), 'json')
    expect(shown.length).toBeGreaterThan(0)
    for (const line of shown) expect(golden).toContain(line)
  })
})

describe('docs/dependencies.md', () => {
  // The shape of our own package.json, which the type check cannot see.
  const manifest = JSON.parse(page('package.json')) as Readonly<Record<string, Readonly<Record<string, string>>>>

  it.each([
    ['Runtime', 'dependencies'],
    ['Peer, all optional', 'peerDependencies'],
    ['Development', 'devDependencies'],
  ])('%s: gives a reason for exactly the packages in %s', (heading, kind) => {
    const listed = firstColumn(section(page('docs/dependencies.md'), `## ${heading}`, '## '))
    expect(listed).toEqual(Object.keys(manifest[kind] ?? {}).sort())
  })
})

describe('docs/command.md', () => {
  it.each(['', 'diagram', 'audit', 'story'])(
    'throughline %s: lists exactly the flags that --help prints',
    async (command) => {
      const text = section(
        page('docs/command.md'),
        command === '' ? '## throughline, alone' : `## throughline ${command}`,
        '## ',
      )
      const flags = [...new Set((await helpOf(command)).match(/(?<=^\s+(?:-\w, )?)--[a-z-]+/gm))]
      expect(flags.length).toBeGreaterThan(1)
      expect(
        firstColumn(text)
          .map((listed) => /--[a-z-]+/.exec(listed)?.[0])
          .sort(),
      ).toEqual(flags.sort())
    },
  )
})

it('docs/toolchains.md shows every setting that CI tries', () => {
  const settings = filesIn('.ci/toolchains').filter((file) => /(?:\.config|build)\.js$|tsconfig\.json$/.test(file))
  expect(settings.length).toBeGreaterThan(10)
  const shown = ['js', 'json'].flatMap((language) => blocksOf(page('docs/toolchains.md'), language))
  expect(settings.filter((file) => !shown.includes(page(file).trim()))).toEqual([])
})

it('docs/command.md lists every key of an audit', async () => {
  const golden = page('test/record/golden.ndjson').split('\n')
  // Without these lines and that event something is found of every kind.
  const left = golden
    .filter((line) => !/"seq":1,|"attempt"/.test(line))
    .map((line) => line.replace('"RESPOND"', '"UNKNOWN"'))
  const report = await audit(left)
  const listed = section(section(page('docs/command.md'), '## throughline audit', '## '), '### `--format json`', '### ')
  const keys = [...new Set(keysIn(report))]
  expect(report.undelivered).not.toEqual([])
  expect(keys).toEqual(expect.arrayContaining(['last_error', 'reason', 'missing_seq', 'path', 'count']))
  expect(keys.filter((key) => !listed.includes(`"${key}"`))).toEqual([])
})

describe.each(PAGES)('%s', (file) => {
  const links = [...withoutCode(page(file)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^https?:/.test(link))

  it('links to files and headings that exist', () => {
    const dead = links.filter((link) => {
      const [path = '', heading] = link.split('#')
      const target = path === '' ? file : posix.join(posix.dirname(file), path)
      if (!existsSync(join(root, target))) return true
      return heading !== undefined && !headingsOf(page(target)).includes(heading)
    })
    expect(dead).toEqual([])
  })
})

it('the examples in the pages compile', () => {
  const sources = new Map(
    PAGES.flatMap((file) =>
      blocksOf(page(file), 'ts').map((code, index): [string, string] => [
        join(root, `${file}.${String(index)}.ts`),
        code,
      ]),
    ),
  )
  expect(sources.size).toBeGreaterThan(10)
  expect(faultsOf(sources)).toEqual([])
})

/** The folders and files of a rule, as the table shows them. */
function listOf(own: readonly string[]): string {
  if (own.includes('src/*')) return 'anything'
  const names = own.map((path) => `\`${path.replace(/^src\//, '')}\``)
  return names.length === 0 ? 'nothing' : names.join(', ')
}

/** The keys of an answer, but for those that are names or numbers of what was found. */
function keysIn(value: unknown, named = false): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysIn(item))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(named ? [] : [key]),
    ...keysIn(inner, ['states', 'services', 'attempts'].includes(key)),
  ])
}

function page(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The part of a page from a heading to the next one that begins so. */
function section(text: string, heading: string, next: string): string {
  const start = text.indexOf(`\n${heading}\n`)
  if (start === -1) throw new Error(`there is no ${heading}`)
  const end = text.indexOf(`\n${next}`, start + heading.length)
  return text.slice(start, end === -1 ? undefined : end)
}

/** What stands in code at the beginning of each row of the tables. */
function firstColumn(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell)
}

/** The fenced blocks of one language, without a newline at their ends. */
function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)\n```$/gms)].flatMap(([, found, code = '']) =>
    found === language ? [code] : [],
  )
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '')
}

/** The names under which GitHub finds a page's headings. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The paths in the annotated tree of a page; folders end with a slash. */
function treeIn(text: string): string[] {
  const folders: string[] = []
  return (blocksOf(text, 'text')[0] ?? '').split('\n').map((line) => {
    const [, indent = '', name = '', note] = /^( *)(\S+) +(\S.*)$/.exec(line) ?? /^( *)(\S+)$/.exec(line) ?? []
    const depth = indent.length / 2
    folders.length = depth
    if (name.endsWith('/')) folders[depth] = name
    if (depth > 0 && note === undefined) throw new Error(`${name} is not explained`)
    return `${folders.slice(0, depth).join('')}${name}`
  })
}

async function helpOf(command: string): Promise<string> {
  let help = ''
  const io: Io = {
    out: (text) => (help += text),
    err: (text) => expect.unreachable(text),
    width: 80,
    colour: false,
    watched: false,
  }
  expect(await run([...(command === '' ? [] : [command]), '--help'], '0.0.0', io)).toBe(0)
  return help
}

/** What the compiler has to say of sources that exist by name only, against the built package. */
function faultsOf(sources: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name)) as {
    config: { compilerOptions: object }
  }
  // Nest's users write decorators, and fields in the parameters of constructors.
  const given = {
    ...config.compilerOptions,
    noUnusedLocals: false,
    experimentalDecorators: true,
    erasableSyntaxOnly: false,
  }
  const { options } = ts.convertCompilerOptionsFromJson(given, root)
  const disk = ts.createCompilerHost(options)
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => sources.has(name) || disk.fileExists(name),
    readFile: (name) => sources.get(name) ?? disk.readFile(name),
    getSourceFile: (name, version, ...rest) => {
      const code = sources.get(name)
      return code === undefined
        ? disk.getSourceFile(name, version, ...rest)
        : ts.createSourceFile(name, code, version, true)
    },
  }
  const program = ts.createProgram([...sources.keys()], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}
