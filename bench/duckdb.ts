import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An exact version, because every release of this package is tagged as a prerelease, which no range matches. */
const VERSION = '1.5.6-r.1'
const FOLDER = join(tmpdir(), `throughline-bench-duckdb-${VERSION}`)

export const DUCKDB_NAME = `DuckDB ${VERSION.split('-')[0] ?? ''}`

/**
 * Installs DuckDB, which is too big to be a dependency, among the temporary files.
 *
 * @returns the path of its module, or undefined if it could not be installed
 */
export function installDuckDb(): string | undefined {
  const main = join(FOLDER, 'node_modules/@duckdb/node-api/lib/index.js')
  if (existsSync(main)) return main
  mkdirSync(FOLDER, { recursive: true })
  const args = ['install', '--prefix', FOLDER, '--no-save', '--no-audit', '--no-fund', `@duckdb/node-api@${VERSION}`]
  const { status, stderr } = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status === 0 && existsSync(main)) return main
  console.error(`skipping DuckDB, which could not be installed: ${stderr.trim().split('\n')[0] ?? ''}`)
  return undefined
}
