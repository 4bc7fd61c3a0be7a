import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { interleaved, median, of, spread } from './measure.ts'
import { progress } from './progress.ts'
import type { Question } from './question.ts'

const ROOT = join(import.meta.dirname, '..')

const OPEN_TELEMETRY = ['@opentelemetry/api', '@opentelemetry/sdk-trace-node', '@opentelemetry/instrumentation-http']

/** What is imported, by the name of its row. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'node alone': [],
  throughline: ['throughline'],
  pino: ['pino'],
  'pino-http': ['pino-http'],
  xstate: ['xstate'],
  evlog: ['evlog'],
  OpenTelemetry: OPEN_TELEMETRY,
  'OpenTelemetry + pino-http': [...OPEN_TELEMETRY, 'pino-http'],
}

export const startUp: Question = {
  name: 'start-up',
  title: 'How long does it take to import?',
  method: `A fresh process imports the packages and ends, from its start to its end; what a process takes that imports nothing is subtracted in
*added*, run by run. The files are in the system's cache. Median of interleaved runs. throughline brings pino and xstate with it; OpenTelemetry
is its api, its sdk for traces and the http instrumentation.`,
  ask: async ({ quick }) => {
    const names = Object.keys(IMPORTS)
    for (const name of names) milliseconds(name)
    const runs = quick ? 3 : 15
    const results = await interleaved(names, runs, (name, run) => {
      progress(`start-up: run ${run + 1} of ${runs}, ${name}`)
      return milliseconds(name)
    })
    const bare = of(results, 'node alone')
    return {
      tables: [
        {
          title: 'Milliseconds from start to end',
          columns: [{ name: 'imports' }, { name: 'ms', digits: 0 }, { name: 'added ms', digits: 0 }, { name: '±', digits: 0 }],
          rows: names.map((name, index) => {
            const added = of(results, name).map((ms, run) => ms - (bare[run] ?? NaN))
            return [name, median(of(results, name)), ...(index === 0 ? [null, null] : [median(added), spread(added)])]
          }),
        },
      ],
      marks: [],
    }
  },
}

function milliseconds(name: string): number {
  const code = (IMPORTS[name] ?? []).map((specifier) => `import ${JSON.stringify(specifier)}`).join('\n')
  const began = performance.now()
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status !== 0) throw new Error(`importing ${name} failed:\n${stderr}`)
  return performance.now() - began
}
