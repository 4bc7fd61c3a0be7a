import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { RunOptions } from './benchmark.ts'

const PACKAGES = [
  'throughline',
  'pino',
  'xstate',
  'pino-http',
  'evlog',
  '@opentelemetry/api',
  '@opentelemetry/sdk-trace-node',
  '@opentelemetry/instrumentation-http',
  'autocannon',
  'esbuild',
]

/** The machine, the versions and the command, by their names in docs/benchmarks.md. */
export type Environment = Readonly<Record<string, string>>

/** Call it before the first measurement, so that the load average excludes the benchmarks. */
export function describeEnvironment(
  benchmarkNames: readonly string[],
  { rounds, quick, huge }: RunOptions,
): Environment {
  const [cpu] = cpus()
  const args = [...benchmarkNames, ...(quick ? ['--quick'] : ['--rounds', String(rounds)]), ...(huge ? ['--huge'] : [])]
  return {
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench --', ...args].join(' '),
    node: process.versions.node,
    v8: process.versions.v8,
    processor: `${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${arch()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    'load before': (loadavg()[0] ?? 0).toFixed(2),
    ...Object.fromEntries(PACKAGES.map((name) => [`\`${name}\``, versionOf(name)])),
  }
}

function versionOf(name: string): string {
  const root = join(import.meta.dirname, '..')
  const manifest: unknown = JSON.parse(
    readFileSync(join(root, name === 'throughline' ? '' : `node_modules/${name}`, 'package.json'), 'utf8'),
  )
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest))
    throw new Error(`${name} has no version`)
  return String(manifest.version)
}
