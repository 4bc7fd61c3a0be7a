/**
 * A Lambda function in a process that is killed as soon as its promise settles: like a frozen process, it writes
 * nothing more.
 */
import { trackRequest } from '../../../src/adapters/lambda.ts'

const handler = trackRequest(() => Promise.resolve({ statusCode: 200 }), { service: 'frozen' })
await handler({ httpMethod: 'GET', path: '/orders' }, { functionName: 'orders' })
process.kill(process.pid, 'SIGKILL')
