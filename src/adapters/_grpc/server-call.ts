import * as grpc from '@grpc/grpc-js'
import { unsupportedHost } from '../_unsupported-host.ts'

/**
 * The class of grpc-js, which came with its interceptors for servers. An import by name of what an older version lacks
 * fails with a message about CommonJS.
 *
 * @throws ThroughlineError THROUGHLINE_HOST_UNSUPPORTED, when the module is loaded, with an older version
 */
export const ServerInterceptingCall = (grpc as Partial<typeof grpc>).ServerInterceptingCall ?? refuse()

function refuse(): never {
  throw unsupportedHost('grpc', '@grpc/grpc-js 1.10')
}
