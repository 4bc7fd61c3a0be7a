/** What is to be done before the process ends: quick, synchronous, and harmless when done twice. */
export interface Closable {
  close(): void
}

const open = new Set<WeakRef<Closable>>()
const collected = new FinalizationRegistry<WeakRef<Closable>>((reference) => open.delete(reference))
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
let listening = false

/**
 * Has a tracker closed when the process ends: by `process.exit`, by an uncaught exception, or by a signal.
 *
 * SIGKILL, an abort and a blocked event loop leave no time for this: there the lines that are out already have to do.
 */
export function closeAtExit(closable: Closable): void {
  const reference = new WeakRef(closable)
  open.add(reference)
  collected.register(closable, reference)
  if (listening) return
  listening = true
  process.on('exit', closeAll)
  for (const signal of SIGNALS) process.prependListener(signal, onSignal)
}

/**
 * Steps aside before anyone else looks: others, too, end the process only where nobody but they listens. Where there
 * is no other listener the signal would have ended the process without us, and now it does, with the same status.
 */
function onSignal(signal: NodeJS.Signals): void {
  process.removeListener(signal, onSignal)
  closeAll()
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

function closeAll(): void {
  for (const reference of open) reference.deref()?.close()
}
