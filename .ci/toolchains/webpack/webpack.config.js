export default {
  mode: 'production',
  target: 'node20',
  entry: './main.js',
  output: { filename: 'main.cjs' },
}
