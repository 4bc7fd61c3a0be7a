import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'

/** The ids that the storage's readers need; every tracked request has them. */
export interface StoredRequest {
  readonly traceId: string
  readonly requestId: string
}

type Storage = AsyncLocalStorage<StoredRequest | undefined>

/** All copies of this package in a process share one storage: a bundle may hold a second one, CommonJS a third. */
const STORAGE = Symbol.for('throughline.storage')

// Exactly one: each further instance slows every await of the process. Only `run`, never `enterWith`, which would leak
// the request into whatever the same chain of callbacks serves next.
const storage = sharedStorage()

function sharedStorage(): Storage {
  // Only storages are kept under this key.
  const shared = Reflect.get(globalThis, STORAGE) as Storage | undefined
  const storage = shared ?? new AsyncLocalStorage()
  Reflect.set(globalThis, STORAGE, storage)
  return storage
}

/** The request in whose context the caller runs, if any. */
export function storedRequest(): StoredRequest | undefined {
  return storage.getStore()
}

/** Runs a function in the context of a request, or of none. */
export function runWith<T>(request: StoredRequest | undefined, fn: () => T): T {
  return storage.run(request, fn)
}

/** Runs what a tracing channel traces in the context of the request that its message is about, if it is about one. */
export function bindToChannel(name: string, requestOf: (message: unknown) => StoredRequest | undefined): void {
  channel(name).bindStore(storage, (message) => requestOf(message) ?? storage.getStore())
}
