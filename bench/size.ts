import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { figure, figuresOf } from './figures.ts'
import type { Cell, Question } from './question.ts'

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
  { name: 'the same, pino left out', code: "export { createTracker } from 'throughline'", external: ['pino'] },
  { name: 'the same, pino and xstate left out', code: "export { createTracker } from 'throughline'", external: ['pino', 'xstate'] },
  { name: 'pino: `pino`', code: "export { pino } from 'pino'" },
  { name: 'pino-http: `pinoHttp`', code: "export { pinoHttp } from 'pino-http'" },
  { name: 'xstate: `createMachine`, `createActor`', code: "export { createMachine, createActor } from 'xstate'" },
  { name: 'evlog: `initLogger`, `defineFrameworkIntegration`', code: "export { initLogger } from 'evlog'\nexport { defineFrameworkIntegration } from 'evlog/toolkit'" },
  { name: 'OpenTelemetry: provider, batches, http', code: OPEN_TELEMETRY },
]

export const size: Question = {
  name: 'size',
  title: 'How big is it?',
  method: `The package is what \`npm pack\` would publish. The bundles are what esbuild makes of an application that uses nothing else, for Node,
minified, in kilobytes of 1,000 bytes. None of them holds the files that pino loads by name while it runs.`,
  ask: async () => ({
    tables: [
      { title: 'The package', columns: [{ name: 'files' }, { name: 'kB packed', digits: 0 }, { name: 'kB unpacked', digits: 0 }], rows: [packed()] },
      {
        title: 'Bundled',
        columns: [{ name: 'what is bundled' }, { name: 'kB', digits: 1 }, { name: 'kB gzipped', digits: 1 }],
        rows: await Promise.all(BUNDLES.map(bundled)),
      },
    ],
    marks: [],
  }),
}

function packed(): Cell[] {
  // Without scripts: one of them would build anew under the feet of whatever is measured.
  const told: unknown = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  const first: unknown = Array.isArray(told) ? told[0] : undefined
  if (typeof first !== 'object' || first === null) throw new Error('npm pack tells nothing')
  const figures = figuresOf(Object.fromEntries(Object.entries(first).filter(([, value]) => typeof value === 'number')))
  return [figure(figures, 'entryCount'), figure(figures, 'size') / 1_000, figure(figures, 'unpackedSize') / 1_000]
}

async function bundled({ name, code, external = [] }: Bundle): Promise<Cell[]> {
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
  if (output === undefined) throw new Error(`${name} gave no bundle`)
  return [name, output.contents.length / 1_000, gzipSync(output.contents).length / 1_000]
}
