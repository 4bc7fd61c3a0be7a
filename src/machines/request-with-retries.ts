import { requestWithRetriesMachine as machine } from '../../machines/request-with-retries.ts'
import type { MachineLike } from '../machine/machine-like.ts'

/** The machine with states for attempts and failures, as XState's `createMachine()` returns it. */
export const requestWithRetriesMachine: MachineLike = machine

export default requestWithRetriesMachine
