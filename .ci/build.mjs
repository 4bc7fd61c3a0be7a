// Builds dist: a declaration for each source file, and the code joined into few files, since a program spends more time on
// finding and opening files than on running them.
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
process.chdir(root)
const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8'))

/** What the package exports or runs, as paths in dist without an extension. */
const entries = [...Object.values(exports).flatMap((target) => target.default ?? []), ...Object.values(bin)].map(
  (file) => file.replace(/^\.\/dist\/|\.js$/g, ''),
)

const settings = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
}

rmSync('dist', { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' })

/** The source files of `throughline` itself. */
const { metafile } = await build({
  ...settings,
  entryPoints: ['src/index.ts'],
  outdir: 'dist',
  write: false,
  metafile: true,
})
const core = Object.keys(metafile.inputs)

/**
 * Entries of which each imports the core too. esbuild makes one shared file of all sources that the same entries import:
 * otherwise the core would be cut into many.
 */
const withCore = {
  name: 'with core',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice('entry:'.length), namespace: 'entry' }))
    onLoad({ filter: /./, namespace: 'entry' }, ({ path }) => {
      const source = readFileSync(path, 'utf8')
      const lines = [
        ...(source.startsWith('#!') ? [source.slice(0, source.indexOf('\n'))] : []),
        ...core.map((file) => `import './${file}'`),
        `export * from './${path}'`,
        ...(source.includes('\nexport default ') ? [`export { default } from './${path}'`] : []),
      ]
      return { contents: lines.join('\n'), loader: 'js', resolveDir: root }
    })
  },
}

await build({
  ...settings,
  splitting: true,
  // Our own `sideEffects: false` would drop the imports of the core.
  ignoreAnnotations: true,
  plugins: [withCore],
  entryPoints: Object.fromEntries([
    ...entries.map((entry) => [entry, `entry:${entry}.ts`]),
    // It is looked for beside the file that starts it, which is one of the shared ones.
    ['src/shared/scan-worker', 'entry:src/logs/scan/scan-worker.ts'],
  ]),
  outdir: 'dist',
  chunkNames: 'src/shared/[name]-[hash]',
})
for (const file of Object.values(bin)) chmodSync(file, 0o755)
