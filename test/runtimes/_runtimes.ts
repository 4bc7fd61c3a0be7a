import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { globSync } from 'tinyglobby'

/** A runtime other than Node, and how a program is started with it. */
export interface Runtime {
  readonly name: 'Bun' | 'Deno'
  /** The command and its first arguments. */
  readonly command: readonly [string, ...string[]]
  /** True if it cannot be started: its suites are skipped. */
  readonly missing: boolean
}

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))

/**
 * The executable of an npm package, which is where the package's installation script has put it or, without that, in the
 * package for this system; or else the one in the path.
 */
function executable(name: string, files: readonly string[]): string | undefined {
  const candidates = [...globSync([...files], { cwd: MODULES, absolute: true }), name]
  return candidates.find((file) => spawnSync(file, ['--version']).status === 0)
}

/** A runtime, or with a line on stderr none. With REQUIRE_SERVICES=1 its suites run and fail. */
function runtime(name: Runtime['name'], args: readonly string[], files: readonly string[]): Runtime {
  const file = executable(name.toLowerCase(), files)
  const missing = file === undefined && process.env.REQUIRE_SERVICES !== '1'
  if (missing) process.stderr.write(`skipped: ${name} cannot be started; REQUIRE_SERVICES=1 makes this fail\n`)
  return { name, command: [file ?? name.toLowerCase(), ...args], missing }
}

/** What docs/runtimes.md says that a server needs, and for the command `--allow-read`. */
const PERMISSIONS = ['--no-prompt', '--allow-net', '--allow-env', '--allow-sys=hostname', '--allow-read']

export const RUNTIMES: readonly Runtime[] = [
  runtime('Bun', [], ['bun/bin/bun.exe', '@oven/bun-*/bin/bun{,.exe}']),
  runtime('Deno', ['run', ...PERMISSIONS], ['deno/deno{,.exe}', '@deno/*/deno{,.exe}']),
]
