import { build } from 'esbuild'

const settings = { entryPoints: ['main.ts'], bundle: true, platform: 'node', target: 'node20' }
const js = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
await build({ ...settings, format: 'esm', outfile: 'dist/main.mjs', banner: { js } })
await build({ ...settings, format: 'cjs', outfile: 'dist/main.cjs' })
