import commonjs from '@rollup/plugin-commonjs'
import resolve from '@rollup/plugin-node-resolve'

export default {
  input: 'main.js',
  plugins: [resolve({ exportConditions: ['node'] }), commonjs()],
  output: { file: 'dist/main.mjs', format: 'es' },
}
