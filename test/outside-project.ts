import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './sources.ts'
import { SOON } from './timeouts.ts'

const NPM_FLAGS = ['--loglevel=error', '--no-audit', '--no-fund', '--prefer-offline']

/** A project in an empty folder, which installs the packed tarball. */
export class OutsideProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'throughline-outside-'))
  /** For `npm install`. */
  readonly tarball: string

  constructor() {
    const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', this.folder]
    this.tarball = `./${execFileSync('npm', args, { cwd: root, encoding: 'utf8' }).trim()}`
    this.write('package.json', '{ "name": "outside", "private": true, "type": "module" }')
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text)
  }

  /** What npm prints. */
  npm(...args: string[]): string {
    return execFileSync('npm', [...NPM_FLAGS, ...args], { cwd: this.folder, encoding: 'utf8', stdio: 'pipe' })
  }

  /** What a program prints. */
  node(...args: string[]): string {
    return execFileSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/**
 * True if no registry of packages answers. Suites that install other packages are then skipped, with a line on stderr.
 * With REQUIRE_SERVICES=1 the result is false, so that they run and fail.
 */
export function isRegistryMissing(): boolean {
  if (process.env.REQUIRE_SERVICES === '1') return false
  try {
    execFileSync('npm', ['ping', '--fetch-retries=0', `--fetch-timeout=${String(SOON)}`], { stdio: 'pipe' })
    return false
  } catch {
    process.stderr.write('skipped: npm reaches no registry; REQUIRE_SERVICES=1 makes this fail\n')
    return true
  }
}
