import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { interleave, resultsOf } from './interleave.ts'
import { showProgress } from './progress.ts'
import { median, spread } from './statistics.ts'

const ROOT = join(import.meta.dirname, '..')

const OPEN_TELEMETRY = ['@opentelemetry/api', '@opentelemetry/sdk-trace-node', '@opentelemetry/instrumentation-http']

/** The imported modules, by row name. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'Node alone': [],
  throughline: ['throughline'],
  pino: ['pino'],
  'pino-http': ['pino-http'],
  xstate: ['xstate'],
  evlog: ['evlog'],
  OpenTelemetry: OPEN_TELEMETRY,
  'OpenTelemetry + pino-http': [...OPEN_TELEMETRY, 'pino-http'],
}

export const startUp: Benchmark = {
  name: 'start-up',
  title: 'Import time',
  method: `A new process imports the packages and exits. *Added* is the difference, run by run, from a process that imports nothing. throughline
includes pino and uuid; OpenTelemetry is its API, its SDK for traces and the http instrumentation.`,
  run: async ({ quick }) => {
    const names = Object.keys(IMPORTS)
    // Once without measuring, to fill the system's cache.
    for (const name of names) measureImport(name)
    const runs = quick ? 3 : 15
    const results = await interleave(names, runs, (name, run) => {
      showProgress(`start-up: run ${run + 1} of ${runs}, ${name}`)
      return measureImport(name)
    })
    const bare = resultsOf(results, 'Node alone')
    return {
      tables: [
        {
          title: 'Milliseconds from start to exit',
          columns: [
            { name: 'import' },
            { name: 'ms', digits: 0 },
            { name: 'added ms', digits: 0 },
            { name: '±', digits: 0 },
          ],
          rows: names.map((name, index) => {
            const added = resultsOf(results, name).map((ms, run) => ms - (bare[run] ?? NaN))
            return [
              name,
              median(resultsOf(results, name)),
              ...(index === 0 ? [null, null] : [median(added), spread(added)]),
            ]
          }),
        },
      ],
      targets: [],
    }
  },
}

/** Milliseconds. */
function measureImport(name: string): number {
  const code = (IMPORTS[name] ?? []).map((specifier) => `import ${JSON.stringify(specifier)}`).join('\n')
  const started = performance.now()
  const args = ['--input-type=module', '--eval', code]
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`importing ${name} failed:\n${stderr}`)
  return performance.now() - started
}
