import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { globSync } from 'tinyglobby'
import type { Report } from './question.ts'
import type { Setting } from './setting.ts'

/** All that was found on one version of Node. */
export interface Results {
  readonly setting: Setting
  /** By the question's name. */
  readonly reports: Readonly<Record<string, Report>>
}

const FOLDER = join(import.meta.dirname, 'results')

/** Keeps the results of this version of Node in place of its former ones; those of other versions stay. */
export function store(results: Results): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${nodeName()}.json`), `${JSON.stringify(results, null, 2)}\n`)
}

/** Keeps the results of some questions in place of their former ones; all others stay. */
export function storeSome({ setting, reports }: Results): void {
  const { date = '', command = '', 'load before': load = '' } = setting
  const measured = `${date}, \`${command}\`, load before ${load}`
  const asked = Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, { ...report, measured }]))
  const former = stored().get(nodeName())
  store({ setting: former?.setting ?? setting, reports: { ...former?.reports, ...asked } })
}

/** All that is kept, by the name of the version, the oldest first. */
export function stored(): ReadonlyMap<string, Results> {
  const files = globSync('node-*.json', { cwd: FOLDER, absolute: true }).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  // The cast names what `store` has written, and nobody else.
  return new Map(files.map((file) => [basename(file, '.json'), JSON.parse(readFileSync(file, 'utf8')) as Results]))
}

/** The name of this version of Node: `node-20`. */
export function nodeName(): string {
  return `node-${process.versions.node.split('.')[0] ?? ''}`
}
