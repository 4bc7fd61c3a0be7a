import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OutsideProject } from './outside-project.ts'
import { root } from './sources.ts'

const PROGRAM = `
import { createTracker, trackRequest, type Tracker } from 'throughline'
import { auditFiles } from 'throughline/audit'
import { propagate } from 'throughline/fetch'
import { trackRequest as trackMessage } from 'throughline/kafka'
import requestMachine from 'throughline/machines/request'

const tracker: Tracker = createTracker({ service: 'shop', machine: requestMachine })
const work: (item: string) => string = trackRequest((item: string) => item, { tracker, path: 'job' })
console.log(work('kettle'), typeof auditFiles, typeof propagate, typeof trackMessage)
`

interface Kind {
  readonly type: 'commonjs' | 'module'
  readonly module: ts.ModuleKind
  readonly moduleResolution?: ts.ModuleResolutionKind
  /** Node10 resolution needs this from TypeScript 6, and CommonJS modules that import a default need the interop. */
  readonly options?: ts.CompilerOptions
}

const { ModuleKind, ModuleResolutionKind } = ts

const KINDS: Readonly<Record<string, Kind>> = {
  'ESM, nodenext': { type: 'module', module: ModuleKind.NodeNext },
  'ESM, node16': { type: 'module', module: ModuleKind.Node16 },
  'ESM, esnext and bundler': {
    type: 'module',
    module: ModuleKind.ESNext,
    moduleResolution: ModuleResolutionKind.Bundler,
  },
  'CommonJS, nodenext': { type: 'commonjs', module: ModuleKind.NodeNext },
  'CommonJS, node20': { type: 'commonjs', module: ModuleKind.Node20 },
  'CommonJS, commonjs and bundler': {
    type: 'commonjs',
    module: ModuleKind.CommonJS,
    moduleResolution: ModuleResolutionKind.Bundler,
  },
  'CommonJS, commonjs and node10, without strict': {
    type: 'commonjs',
    module: ModuleKind.CommonJS,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- many programs still have it
    moduleResolution: ModuleResolutionKind.Node10,
    options: { ignoreDeprecations: '6.0', strict: false, exactOptionalPropertyTypes: false },
  },
}

describe('a TypeScript program outside', () => {
  let project: OutsideProject
  const compile = (name: string, { type, module, moduleResolution, options = {} }: Kind): string[] => {
    project.write('package.json', JSON.stringify({ name: 'outside', private: true, type }))
    project.write(`${name}.ts`, PROGRAM)
    const program = ts.createProgram([join(project.folder, `${name}.ts`)], {
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      esModuleInterop: true,
      module,
      ...(moduleResolution === undefined ? {} : { moduleResolution }),
      ...options,
    })
    program.emit()
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ code, messageText }) => `TS${String(code)} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  }

  beforeAll(() => {
    project = new OutsideProject()
    project.npm('install', project.tarball)
    symlinkSync(join(root, 'node_modules/@types'), join(project.folder, 'node_modules/@types'))
  })
  afterAll(() => project.remove())

  it.each(Object.entries(KINDS))('compiles with all checks and runs: %s', (kind, settings) => {
    const name = kind.replaceAll(/\W+/g, '-')
    expect(compile(name, settings)).toEqual([])
    const lines = project.node(`${name}.js`).trim().split('\n')
    expect(lines).toContain('kettle function function function')
    expect(lines.filter((line) => line.includes('"state":"Responded"'))).toHaveLength(1)
  })

  it('is refused by TypeScript only where it does not know require() of ESM: CommonJS with node16', () => {
    const faults = compile('cjs-node16', { type: 'commonjs', module: ModuleKind.Node16 })
    expect(faults.map((fault) => fault.slice(0, 6))).toEqual(['TS1479', 'TS1479', 'TS1479', 'TS1479', 'TS1479'])
  })
})
