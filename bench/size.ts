import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Benchmark, Cell } from './benchmark.ts'
import { getNumber, parseNumericRecord } from './numeric-record.ts'

const ROOT = join(import.meta.dirname, '..')
const OPEN_TELEMETRY = `
  export { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
  export { HttpInstrumentation } from '@opentelemetry/instrumentation-http'`

interface Bundle {
  readonly name: string
  readonly code: string
  readonly external?: string[]
}

const BUNDLES: readonly Bundle[] = [
  { name: 'throughline: `createTracker`', code: "export { createTracker } from 'throughline'" },
  { name: 'the same without pino', code: "export { createTracker } from 'throughline'", external: ['pino'] },
  { name: 'pino: `pino`', code: "export { pino } from 'pino'" },
  { name: 'pino-http: `pinoHttp`', code: "export { pinoHttp } from 'pino-http'" },
  { name: 'xstate: `createMachine`, `createActor`', code: "export { createMachine, createActor } from 'xstate'" },
  {
    name: 'evlog: `initLogger`, `defineFrameworkIntegration`',
    code: "export { initLogger } from 'evlog'\nexport { defineFrameworkIntegration } from 'evlog/toolkit'",
  },
  { name: 'OpenTelemetry: provider, batches, http', code: OPEN_TELEMETRY },
]

export const size: Benchmark = {
  name: 'size',
  title: 'Package and bundle size',
  method: `The package is what \`npm pack\` would publish. The bundles are esbuild's minified output for an application that uses nothing else, on Node, in
kB of 1,000 bytes, without the files that pino loads by name at run time.`,
  run: async () => ({
    tables: [
      {
        title: 'The package',
        columns: [{ name: 'files' }, { name: 'kB packed', digits: 0 }, { name: 'kB unpacked', digits: 0 }],
        rows: [packageRow()],
      },
      {
        title: 'Bundles',
        columns: [{ name: 'bundle' }, { name: 'kB', digits: 1 }, { name: 'kB gzipped', digits: 1 }],
        rows: await Promise.all(BUNDLES.map(bundleRow)),
      },
    ],
    targets: [],
  }),
}

function packageRow(): Cell[] {
  // Without scripts: `prepack` would rebuild the files that are being measured.
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const output: unknown = JSON.parse(
    execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  const first: unknown = Array.isArray(output) ? output[0] : undefined
  if (typeof first !== 'object' || first === null) throw new Error('npm pack printed no package')
  const numbers = parseNumericRecord(
    Object.fromEntries(Object.entries(first).filter(([, value]) => typeof value === 'number')),
  )
  return [
    getNumber(numbers, 'entryCount'),
    getNumber(numbers, 'size') / 1_000,
    getNumber(numbers, 'unpackedSize') / 1_000,
  ]
}

async function bundleRow({ name, code, external = [] }: Bundle): Promise<Cell[]> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: ROOT },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external,
    logLevel: 'error',
  })
  const [output] = outputFiles
  if (output === undefined) throw new Error(`esbuild made no bundle for ${name}`)
  return [name, output.contents.length / 1_000, gzipSync(output.contents).length / 1_000]
}
