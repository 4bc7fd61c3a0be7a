// Projects outside of the repository: hosts and tools from the registry, and the packed tarball beside them.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export const root = join(import.meta.dirname, '..')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

// The shape of our own package.json, which the type check cannot see.
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** What a program printed, and how it ended. */
export interface Run {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. A program that hangs is ended after a minute. */
export async function run(
  folder: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Run> {
  try {
    const options = { cwd: folder, env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 64e6 }
    return { ok: true, ...(await execute(program, args, options)) }
  } catch (error) {
    // An error of execFile has the output, and in its message what was printed on stderr.
    const { stdout = '', message } = error as Error & { readonly stdout?: string }
    return { ok: false, stdout, stderr: message }
  }
}

/**
 * A folder whose packages are installed, and in it an empty folder with our packed tarball. Installations are kept
 * between runs, by the packages and their versions.
 *
 * @param packages names; the versions are those of the development dependencies, or else given as `name@version`
 * @returns undefined if npm cannot install them and REQUIRE_SERVICES is not 1
 */
export async function outsideFolder(packages: readonly string[]): Promise<string | undefined> {
  const specs = [...packages.map(withVersion), ...Object.keys(manifest.dependencies).map(withVersion)]
  const key = createHash('sha256').update(specs.sort().join(' ')).digest('hex').slice(0, 16)
  const installed = join(tmpdir(), `throughline-outside-${key}`)
  if (!existsSync(installed)) {
    const folder = `${installed}-${String(process.pid)}`
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "name": "outside", "private": true }')
    const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline', '--legacy-peer-deps']
    const { ok, stderr } = await install(folder, [...flags, ...specs])
    if (!ok) {
      rmSync(folder, { recursive: true })
      if (process.env.REQUIRE_SERVICES === '1') throw new Error(stderr)
      console.error(`skipped: npm cannot install packages; REQUIRE_SERVICES=1 makes this fail\n${stderr}`)
      return undefined
    }
    renameSync(folder, installed)
  }
  const work = join(installed, `run-${String(process.pid)}`)
  process.once('exit', () => rmSync(work, { recursive: true, force: true }))
  await unpackTarball(join(work, 'node_modules/throughline'))
  return work
}

function install(folder: string, args: readonly string[]): Promise<Run> {
  return execute('npm', ['install', ...args], { cwd: folder, maxBuffer: 64e6 }).then(
    (output) => ({ ok: true, ...output }),
    (error: unknown) => ({ ok: false, stdout: '', stderr: String(error) }),
  )
}

function withVersion(name: string): string {
  const version = { ...manifest.devDependencies, ...manifest.dependencies }[name]
  return version === undefined ? name : `${name}@${version}`
}

async function unpackTarball(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { stdout } = await execute('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: root,
  })
  await execute('tar', ['-xzf', join(folder, stdout.trim()), '--strip-components=1', '-C', folder])
}

/** What a check found: `skipped` says why it could not run. */
export interface Result {
  readonly name: string
  readonly failure?: string | undefined
  readonly skipped?: string | undefined
}

/** Runs tasks, as many at a time as there are cores and one more, since much of their time they wait. */
export async function inParallel(tasks: readonly (() => Promise<Result>)[]): Promise<Result[]> {
  const results: Result[] = []
  const waiting = [...tasks]
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const result = await task()
      results.push(result)
      const { name, failure, skipped } = result
      console.log(`${failure !== undefined ? 'FAILED' : skipped !== undefined ? 'skipped' : 'ok'} ${name}`)
      if (failure !== undefined || skipped !== undefined) console.log(indented(failure ?? skipped ?? ''))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker))
  return results
}

function indented(text: string): string {
  return text.trim().replaceAll(/^/gm, '    ')
}

/** Prints the counts, sets the exit status, and writes the report that count.mjs reads. */
export function report(title: string, results: readonly Result[], file: string | undefined): void {
  const failed = results.filter(({ failure }) => failure !== undefined)
  const skipped = results.filter(({ skipped }) => skipped !== undefined)
  const passed = results.length - failed.length - skipped.length
  console.log(`${title}: ${String(passed)} passed, ${String(failed.length)} failed, ${String(skipped.length)} skipped`)
  if (failed.length > 0) process.exitCode = 1
  if (file === undefined) return
  const assertionResults = failed.map(({ name, failure = '' }) => ({
    status: 'failed',
    fullName: name,
    failureMessages: [failure],
  }))
  const counts = { numPassedTests: passed, numFailedTests: failed.length, numPendingTests: skipped.length }
  const testResults = [{ name: title, status: failed.length > 0 ? 'failed' : 'passed', message: '', assertionResults }]
  writeFileSync(file, JSON.stringify({ ...counts, numFailedTestSuites: 0, testResults }))
}
