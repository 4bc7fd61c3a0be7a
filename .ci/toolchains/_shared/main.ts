import { trackRequest } from 'throughline'
import * as express from 'throughline/express'

const work = trackRequest((item: string) => `packed ${item}`, { service: 'worker', path: 'pack' })
console.log(work('kettle'), typeof express.trackRequest)
