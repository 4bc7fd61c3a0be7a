import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Each release is marked as one before a release, so that a range finds none. */
const VERSION = '1.5.6-r.1'
const FOLDER = join(tmpdir(), `throughline-bench-duckdb-${VERSION}`)

export const DUCKDB_NAME = `DuckDB ${VERSION.split('-')[0] ?? ''}`

/** DuckDB's module, which is too big to be a dependency; installed where it is missing, undefined where that fails. */
export function duckdbModule(): string | undefined {
  const main = join(FOLDER, 'node_modules/@duckdb/node-api/lib/index.js')
  if (existsSync(main)) return main
  mkdirSync(FOLDER, { recursive: true })
  const args = ['install', '--prefix', FOLDER, '--no-save', '--no-audit', '--no-fund', `@duckdb/node-api@${VERSION}`]
  const { status, stderr } = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status === 0 && existsSync(main)) return main
  console.error(`DuckDB is left out, since it could not be installed: ${stderr.trim().split('\n')[0] ?? ''}`)
  return undefined
}
