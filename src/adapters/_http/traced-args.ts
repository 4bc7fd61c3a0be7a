import type { OnCallEnd } from '../../tracking/calls.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { startPropagatedCall } from '../_calls.ts'
import type { IsTarget } from '../_propagation-targets.ts'
import { reachesTarget, targetOf } from './destination.ts'
import { parseArgs } from './request-args.ts'

/** The arguments of a call, and what waits for its end. */
export interface TracedArgs {
  readonly sent: readonly unknown[]
  /** Undefined for a call that carries no trace, and if nobody wants its record. */
  readonly end: OnCallEnd | undefined
}

/** The arguments of a call of Node's client, with its trace headers if it goes to a target. */
export function withTraceHeaders(
  request: TrackedRequest,
  isTarget: IsTarget,
  args: readonly unknown[],
  protocol: string,
): TracedArgs {
  try {
    const call = parseArgs(args, protocol)
    if (call === undefined || !reachesTarget(request, isTarget, call.destination)) return { sent: args, end: undefined }
    const { end, ...changes } = startPropagatedCall(request, call.own, () => targetOf(call.destination, call.method))
    return { sent: call.with(changes), end }
  } catch {
    // Node itself reports arguments that cannot be read.
    return { sent: args, end: undefined }
  }
}
