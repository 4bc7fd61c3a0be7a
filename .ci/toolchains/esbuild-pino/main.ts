import { pino } from 'pino'
import { trackRequest } from 'throughline'

const work = trackRequest((item: string) => `packed ${item}`, { service: 'worker', path: 'pack', logger: pino() })
console.log(work('kettle'))
