import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HOSTS } from './hosts.ts'
import { filesIn, root } from './sources.ts'

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, unknown>>
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
// The shape of our own package.json, which the type check cannot see.
const manifest = JSON.parse(read('package.json')) as Manifest

it('has one row for every file of src/adapters', () => {
  const adapters = filesIn('src/adapters').filter((file) => !file.includes('/_'))
  expect(HOSTS.map(({ subpath }) => `src/adapters/${subpath}.ts`).sort()).toEqual(adapters)
})

const peers = HOSTS.flatMap((host) => Object.entries(host.peers))

it('package.json has exactly the peers of all hosts, all optional and in any version', () => {
  const names = peers.map(([name]) => name)
  expect(manifest.peerDependencies).toEqual(Object.fromEntries(names.map((name) => [name, '*'])))
  expect(manifest.peerDependenciesMeta).toEqual(Object.fromEntries(names.map((name) => [name, { optional: true }])))
})

it('docs/support.md lists the supported versions of all peers', () => {
  const rows = HOSTS.flatMap((host) =>
    Object.entries(host.peers).map(
      ([name, range]) => `| \`${name}\` | ${range.replaceAll(' || ', ', ')} | \`/${host.subpath}\` |`,
    ),
  )
  const listed = read('docs/support.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  expect(listed).toEqual(rows.sort())
})

describe.each(HOSTS)('$subpath', ({ subpath, name, page, example, contract }) => {
  it('is exported by package.json', () => {
    const built = `./dist/src/adapters/${subpath}`
    expect(manifest.exports[`./${subpath}`]).toEqual({ types: `${built}.d.ts`, default: `${built}.js` })
  })

  it('is in the table of README.md', () => {
    const rows = read('README.md')
      .split('\n')
      .filter((line) => line.startsWith('| '))
    expect(rows.filter((row) => row.split('|')[1]?.includes(name))).not.toEqual([])
  })

  it('is in the table of docs/adapters.md, with a link to its section', () => {
    expect(read('docs/adapters.md')).toContain(`(${page})`)
  })

  it('has a section that shows how it is imported', () => {
    const [file = ''] = page.split('#')
    expect(read(`docs/${file}`)).toContain(`throughline/${subpath}'`)
  })

  it('has an example that imports it', () => {
    expect(read(`examples/${example}`)).toContain(`'throughline/${subpath}'`)
  })

  it('has a test, which mounts its contract suite', () => {
    const test = `test/adapters/${subpath}.test.ts`
    expect(existsSync(join(root, test))).toBe(true)
    const suite = { http: 'describeHttpAdapter(', queue: 'describeQueueAdapter(' } as const
    if (typeof contract === 'string') expect(read(test)).toContain(suite[contract])
  })
})
