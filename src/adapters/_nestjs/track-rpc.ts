import type { ExecutionContext } from '@nestjs/common'
import type { EntryOptions } from '../../handlers/entry.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'
import { isObject } from '../_objects.ts'
import { isGrpcCall, startCall } from './direct-call.ts'
import { targetOf } from './handler-metadata.ts'
import { deliveryOf, metadataOf, type MessageOptions } from './message-delivery.ts'
import { tapEnd, type HandlerResult, type ObservableConstructor } from './observable.ts'

/** Tracks a message handler, with the guards, pipes and interceptors around it. */
export type TrackRpc = (context: ExecutionContext, next: () => HandlerResult) => HandlerResult

export type RpcOptions = MessageOptions & Pick<EntryOptions<never>, 'auth'>

/** Tracks the message handlers of microservices, of all transports. */
export function rpcTracking(core: RequestCore, options: RpcOptions, Observable: ObservableConstructor): TrackRpc {
  return (context, next) => {
    const args = context.getArgs<unknown[]>()
    // A handler receives the message and its transport's context, and for gRPC the call, which may also be the only
    // argument.
    const host = [args[2], args[0]].find(isGrpcCall) ?? (isObject(args[1]) ? args[1] : args)
    // The interceptor of throughline/grpc already tracks this call, and sees more of it.
    if (isGrpcCall(host) && !activeWork.has(host) && currentRequest() !== undefined) return next()
    return tapEnd(
      Observable,
      next,
      joinWork(host, () => startRpc(core, options, context, host)),
    )
  }
}

function startRpc(core: RequestCore, options: RpcOptions, context: ExecutionContext, host: object): ActiveDelivery {
  const { errors } = core.settings
  const target = targetOf(context)
  const delivery = errors.run(() => deliveryOf(host, target.method === 'event'))
  if (delivery === undefined)
    return startCall(core, options, { ...target, host, carrier: errors.run(() => metadataOf(host)) })
  const { willRetry } = options
  return startDelivery(core, {
    ...target,
    ...delivery,
    host,
    ...(willRetry === undefined ? {} : { willRetry: (error) => willRetry(error, context) }),
  })
}

/** A message that one or more handlers process. */
interface Work {
  readonly delivery: ActiveDelivery
  openParts: number
  end: RequestEnd
}

/** The work in progress, by the handlers' argument. */
const activeWork = new WeakMap<object, Work>()

/**
 * Adds a part to the work on a message, which ends with its last part: several handlers, or several of our modules, may
 * see it.
 */
function joinWork(host: object, start: () => ActiveDelivery): ActiveDelivery {
  const work = activeWork.get(host) ?? { delivery: start(), openParts: 0, end: { outcome: 'ok' } }
  activeWork.set(host, work)
  work.openParts += 1
  let ended = false
  return {
    run: (part) => work.delivery.run(part),
    end(end) {
      if (ended) return
      ended = true
      // The first failure decides.
      if (work.end.outcome === 'ok') work.end = end
      work.openParts -= 1
      if (work.openParts === 0) work.delivery.end(work.end)
    },
  }
}
