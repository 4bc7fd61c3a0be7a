import { build } from 'esbuild'

const settings = { entryPoints: ['main.ts'], bundle: true, platform: 'node', target: 'node20' }
await build({ ...settings, format: 'esm', outfile: 'dist/main.mjs' })
await build({ ...settings, format: 'cjs', outfile: 'dist/main.cjs' })
