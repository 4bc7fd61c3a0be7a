import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { globSync } from 'tinyglobby'
import type { Report } from './benchmark.ts'
import type { Environment } from './environment.ts'

/** The results of all benchmarks on one Node version. */
export interface Results {
  readonly environment: Environment
  /** By the benchmark's name. */
  readonly reports: Readonly<Record<string, Report>>
}

const FOLDER = join(import.meta.dirname, 'results')

/** Replaces the stored results of this Node version; those of other versions stay. */
export function saveResults(results: Results): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${nodeName()}.json`), `${JSON.stringify(results, null, 2)}\n`)
}

/** Replaces the stored results of some benchmarks; all others stay. */
export function mergeResults({ environment, reports }: Results): void {
  const { date = '', command = '', 'load before': load = '' } = environment
  const measured = `${date}, \`${command}\`, load before ${load}`
  const updated = Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, { ...report, measured }]))
  const previous = loadResults().get(nodeName())
  saveResults({ environment: previous?.environment ?? environment, reports: { ...previous?.reports, ...updated } })
}

/** All stored results by Node version, the oldest version first. */
export function loadResults(): ReadonlyMap<string, Results> {
  const files = globSync('node-*.json', { cwd: FOLDER, absolute: true }).sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  // The cast is safe: only `saveResults` writes these files.
  return new Map(files.map((file) => [basename(file, '.json'), JSON.parse(readFileSync(file, 'utf8')) as Results]))
}

/** This Node version, such as `node-20`. */
export function nodeName(): string {
  return `node-${process.versions.node.split('.')[0] ?? ''}`
}
