import { build } from 'esbuild'
import { globSync } from 'tinyglobby'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const here = import.meta.dirname
const outputFolder = join(here, `.built-${process.pid}`)

/**
 * Compiles the measured programs to plain JavaScript.
 *
 * tsx calls a helper for every function it creates, to keep the function's name. In a server that creates functions per
 * request, that cost would be measured too. Packages are not bundled, so they run as published. The output folder is
 * inside the repository, so that `throughline` resolves by its own package name.
 */
export async function compilePrograms(): Promise<void> {
  await build({
    entryPoints: globSync('{programs,servers}/[!_]*.ts', { cwd: here, absolute: true }),
    outdir: outputFolder,
    outbase: here,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  })
  process.once('exit', () => rmSync(outputFolder, { recursive: true, force: true }))
}

/** The path of a compiled program, such as `servers/bare`. */
export function compiledPath(program: string): string {
  return join(outputFolder, `${program}.js`)
}
