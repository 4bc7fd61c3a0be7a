import type { ExecutionContext } from '@nestjs/common'
import type { AuthOptions } from '../../handlers/authenticate.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { isRecord } from '../_send.ts'
import { isGrpcCall, takeCall } from './direct-call.ts'
import { deliveryOf, metadataOf, type MessageOptions } from './message.ts'
import { askedOf } from './metadata.ts'
import { tapEnd, type ObservableConstructor, type Stream } from './stream.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'

/** Tracks a handler of messages, and all that comes before it and after this. */
export type TrackRpc = (context: ExecutionContext, next: () => Stream) => Stream

export type RpcOptions = MessageOptions & Pick<AuthOptions<never>, 'auth'>

/** How the handlers of a microservice are tracked, whatever its transport. */
export function rpcTracking(core: RequestCore, options: RpcOptions, NewStream: ObservableConstructor): TrackRpc {
  return (context, next) => {
    const args = context.getArgs<unknown[]>()
    // A handler is given the message and what its transport tells of it, and then the call, or that alone.
    const host = [args[2], args[0]].find(isGrpcCall) ?? (isRecord(args[1]) ? args[1] : args)
    // The interceptor of throughline/grpc was there first, and sees more of a call.
    if (isGrpcCall(host) && !underWay.has(host) && currentRequest() !== undefined) return next()
    return tapEnd(
      NewStream,
      next,
      shareOf(host, () => begin(core, options, context, host)),
    )
  }
}

function begin(core: RequestCore, options: RpcOptions, context: ExecutionContext, host: object): ActiveDelivery {
  const { errors } = core.settings
  const asked = askedOf(context)
  const delivery = errors.run(() => deliveryOf(host, asked.method === 'event'))
  if (delivery === undefined)
    return takeCall(core, options, { ...asked, host, carrier: errors.run(() => metadataOf(host)) })
  const { willRetry } = options
  return startDelivery(core, {
    ...asked,
    ...delivery,
    host,
    ...(willRetry === undefined ? {} : { willRetry: (error) => willRetry(error, context) }),
  })
}

/** What is being worked on, in one part or several. */
interface Work {
  readonly taken: ActiveDelivery
  parts: number
  end: RequestEnd
}

/** Work under way, by what its transport tells of it. */
const underWay = new WeakMap<object, Work>()

/** A share in work that ends with its last part: an event may have several handlers, and an application more than one of us. */
function shareOf(host: object, start: () => ActiveDelivery): ActiveDelivery {
  const work = underWay.get(host) ?? { taken: start(), parts: 0, end: { outcome: 'ok' } }
  underWay.set(host, work)
  work.parts += 1
  let open = true
  return {
    run: (part) => work.taken.run(part),
    end(how) {
      if (!open) return
      open = false
      // What went wrong first tells of the whole.
      if (work.end.outcome === 'ok') work.end = how
      work.parts -= 1
      if (work.parts === 0) work.taken.end(work.end)
    },
  }
}
