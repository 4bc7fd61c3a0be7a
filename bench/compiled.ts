import { build } from 'esbuild'
import { globSync } from 'tinyglobby'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const built = join(here, `.built-${process.pid}`)

/**
 * Turns the programs that are measured into plain JavaScript.
 *
 * The loader that runs this one keeps the name of every function by a call at each place where one is made. In a server
 * that makes functions for each request, that would be measured too. Packages stay outside: they run as they are shipped.
 * The folder lies here, and not among temporary files, so that `throughline` is found by the package's own name.
 */
export async function compile(): Promise<void> {
  await build({
    entryPoints: globSync('{programs,servers}/[!_]*.ts', { cwd: here, absolute: true }),
    outdir: built,
    outbase: here,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  })
  process.once('exit', () => rmSync(built, { recursive: true, force: true }))
}

/** The compiled form of a program, such as `servers/bare`. */
export function compiled(program: string): string {
  return join(built, `${program}.js`)
}
