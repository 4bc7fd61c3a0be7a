import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import resolve from '@rollup/plugin-node-resolve'

export default {
  input: 'main.js',
  plugins: [resolve({ exportConditions: ['node'] }), commonjs(), json()],
  output: { file: 'dist/main.mjs', format: 'es' },
}
