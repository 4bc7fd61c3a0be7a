/** A function of Lambda in a process that stops as soon as its promise is settled, as a frozen one does: nothing more is written. */
import { trackRequest } from '../../../src/adapters/lambda.ts'

const handler = trackRequest(() => Promise.resolve({ statusCode: 200 }), { service: 'frozen' })
await handler({ httpMethod: 'GET', path: '/orders' }, { functionName: 'orders' })
process.kill(process.pid, 'SIGKILL')
