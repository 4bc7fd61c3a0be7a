module.exports = {
  transform: { '\\.[jt]s$': '@swc/jest' },
  transformIgnorePatterns: ['/node_modules/(?!(throughline|uuid)/)'],
}
