module.exports = {
  transform: { '\\.[jt]s$': 'ts-jest' },
  transformIgnorePatterns: ['/node_modules/(?!(throughline|uuid)/)'],
}
