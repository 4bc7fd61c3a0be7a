import { requestMachine as machine } from '../../machines/request.ts'
import type { MachineLike } from '../machine/machine-like.ts'

/** The default machine, as XState's `createMachine()` returns it. */
export const requestMachine: MachineLike = machine

export default requestMachine
