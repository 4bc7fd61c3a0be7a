import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Effort } from './question.ts'

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

/** Where and with what something was measured, by what the page calls it. */
export type Setting = Readonly<Record<string, string>>

/** Told before the first measurement, because the load is that of others then. */
export function setting(names: readonly string[], flags: Effort): Setting {
  const [first] = cpus()
  const args = [...names, ...(flags.quick ? ['--quick'] : ['--rounds', String(flags.rounds)]), ...(flags.huge ? ['--huge'] : [])]
  return {
    date: new Date().toISOString().slice(0, 10),
    command: ['npm run bench --', ...args].join(' '),
    node: process.versions.node,
    v8: process.versions.v8,
    processor: `${first?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${arch()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    'load before': (loadavg()[0] ?? 0).toFixed(2),
    ...Object.fromEntries(PACKAGES.map((name) => [`\`${name}\``, versionOf(name)])),
  }
}

function versionOf(name: string): string {
  const root = join(import.meta.dirname, '..')
  const manifest: unknown = JSON.parse(readFileSync(join(root, name === 'throughline' ? '' : `node_modules/${name}`, 'package.json'), 'utf8'))
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) throw new Error(`${name} has no version`)
  return String(manifest.version)
}
