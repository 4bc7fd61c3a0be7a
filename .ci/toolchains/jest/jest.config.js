module.exports = { transformIgnorePatterns: ['/node_modules/(?!(throughline|uuid)/)'] }
