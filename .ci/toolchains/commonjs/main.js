const { trackRequest } = require('throughline')
const express = require('throughline/express')

const work = trackRequest((item) => `packed ${item}`, { service: 'worker', path: 'pack' })
console.log(work('kettle'), typeof express.trackRequest)
