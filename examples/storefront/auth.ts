import { status } from '@grpc/grpc-js'
import { ready, serviceLogger } from './service.ts'
import { RpcError, serve } from './rpc.ts'

const CUSTOMERS: Readonly<Record<string, string>> = { 'token-of-ada': 'ada', 'token-of-grace': 'grace' }

const logger = serviceLogger('auth')
const { address, close } = await serve(
  'Auth',
  { service: 'auth', logger },
  {
    Verify({ token }) {
      const name = Object.hasOwn(CUSTOMERS, token) ? CUSTOMERS[token] : undefined
      if (name === undefined) throw new RpcError(status.UNAUTHENTICATED, 'unknown token')
      logger.info({ customer: name }, 'token is known')
      return { name }
    },
  },
)
ready(address, close)
