/**
 * Runs the projects of `.ci/toolchains` outside of the repository, with the packed tarball: test runners, loaders and
 * bundlers. docs/toolchains.md shows their settings.
 *
 *   node --import tsx .ci/toolchains.ts [--report FILE] [NODE ...]
 *
 * NODE is the path of a Node; by default the current one. Each project runs on the first that it supports.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inParallel, outsideFolder, report, root, run, type Result } from './outside.ts'

interface Toolchain {
  /** The folder in `.ci/toolchains`: its settings, and its program if no other has the same. */
  readonly name: string
  /** The program that it shares with others, in `_shared`, and its name in the project. */
  readonly shared?: readonly [file: string, name: string]
  /** The arguments of Node, one list per program; a path in `node_modules` begins with `modules/`. */
  readonly programs: readonly (readonly string[])[]
  /** The first major of Node that it needs. */
  readonly from?: number
}

const JEST = 'modules/jest/bin/jest.js'
const VM_MODULES = '--experimental-vm-modules'

const TOOLCHAINS: readonly Toolchain[] = [
  { name: 'ts-jest-esm', shared: ['import.test.js', 'shop.test.ts'], programs: [[VM_MODULES, JEST]] },
  { name: 'ts-jest', shared: ['import.test.js', 'shop.test.ts'], programs: [[JEST]] },
  { name: 'ts-node', shared: ['main.ts', 'main.ts'], programs: [['-r', 'ts-node/register', 'main.ts']] },
  { name: 'ts-node-esm', shared: ['main.ts', 'main.ts'], programs: [['--loader', 'ts-node/esm', 'main.ts']] },
  { name: 'jest', shared: ['require.test.js', 'shop.test.js'], programs: [[JEST]] },
  { name: 'jest-swc', shared: ['require.test.js', 'shop.test.js'], programs: [[JEST]] },
  { name: 'jest-esm', shared: ['import.test.js', 'shop.test.js'], programs: [[VM_MODULES, JEST]] },
  { name: 'jest-require', shared: ['require.test.js', 'shop.test.js'], programs: [[VM_MODULES, JEST]], from: 24 },
  { name: 'vitest', programs: [['modules/vitest/vitest.mjs', 'run']] },
  {
    name: 'webpack',
    shared: ['import.js', 'main.js'],
    programs: [['modules/webpack-cli/bin/cli.js'], ['dist/main.cjs']],
  },
  {
    name: 'rollup',
    shared: ['import.js', 'main.js'],
    programs: [['modules/rollup/dist/bin/rollup', '-c'], ['dist/main.mjs']],
  },
  { name: 'esbuild', shared: ['main.ts', 'main.ts'], programs: [['build.js'], ['dist/main.mjs'], ['dist/main.cjs']] },
  { name: 'commonjs', programs: [['main.js']] },
  { name: 'tsx', shared: ['main.ts', 'main.ts'], programs: [['--import', 'tsx', 'main.ts']] },
  { name: 'node', shared: ['main.ts', 'main.ts'], programs: [['main.ts']], from: 24 },
]

const PACKAGES = [
  '@babel/preset-env@7',
  '@rollup/plugin-commonjs@29',
  '@rollup/plugin-json@6',
  '@rollup/plugin-node-resolve@16',
  '@swc/core@1',
  '@swc/jest@0.2',
  '@types/jest@30',
  '@types/node',
  'babel-jest@30',
  'esbuild',
  'jest@30',
  'rollup@4',
  'ts-jest@29',
  'ts-node@10',
  'tsx',
  // ts-jest supports no later one yet.
  'typescript@5.9',
  'vitest',
  'webpack@5',
  'webpack-cli@6',
]

interface Node {
  readonly path: string
  readonly version: string
}

async function check(
  work: string,
  { name, shared, programs, from = 0 }: Toolchain,
  nodes: readonly Node[],
): Promise<Result> {
  const node = nodes.find(({ version }) => Number.parseInt(version.slice(1)) >= from)
  if (node === undefined) return { name, skipped: `needs Node ${String(from)}` }
  const folder = join(work, name)
  const source = join(root, '.ci/toolchains')
  cpSync(join(source, name), folder, { recursive: true })
  if (shared !== undefined) cpSync(join(source, '_shared', shared[0]), join(folder, shared[1]))
  const title = `${name}, Node ${node.version}`
  let tracked = false
  for (const args of programs) {
    const resolved = args.map((arg) => arg.replace(/^modules\//, `${join(work, '../node_modules')}/`))
    const { ok, stdout, stderr } = await run(folder, node.path, resolved, { NO_COLOR: '1' })
    if (!ok) return { name: title, failure: `${stdout}\n${stderr}` }
    // A program prints its lines; of a test runner the status says enough.
    tracked ||= stdout.includes('"state":"Responded"') || /\b1 passed\b/.test(`${stdout}${stderr}`)
  }
  return { name: title, failure: tracked ? undefined : 'no request was tracked' }
}

const { values, positionals } = parseArgs({ options: { report: { type: 'string' } }, allowPositionals: true })
const paths = positionals.length > 0 ? positionals : [process.execPath]
const nodes = await Promise.all(
  paths.map(async (path) => ({ path, version: (await run(root, path, ['--version'])).stdout.trim() })),
)
nodes.sort((a, b) => Number.parseInt(a.version.slice(1)) - Number.parseInt(b.version.slice(1)))
const work = await outsideFolder(PACKAGES)
if (work !== undefined) {
  const results = await inParallel(TOOLCHAINS.map((toolchain) => () => check(work, toolchain, nodes)))
  report('toolchains', results, values.report)
}
