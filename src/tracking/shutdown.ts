/** What is to be done before the process ends: quick, synchronous, and harmless when done twice. */
export interface Closable {
  /** True where nothing would be left behind. */
  readonly idle: boolean
  close(): void
}

const open = new Set<Closable>()
/** Once nobody has the handle of one, nothing can begin there any more; what has begun is still to be closed. */
const dropped = new FinalizationRegistry<Closable>((closable) => {
  if (closable.idle) open.delete(closable)
})
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
let listening = false

/**
 * Has something closed when the process ends: by `process.exit`, by an uncaught exception, or by a signal.
 *
 * SIGKILL, an abort and a blocked event loop leave no time for this: there the lines that are out already have to do.
 *
 * @param handle what its users hold: it is forgotten with it
 */
export function closeAtExit(closable: Closable, handle: object): void {
  open.add(closable)
  dropped.register(handle, closable)
  if (listening) return
  listening = true
  process.on('exit', closeAll)
  for (const signal of SIGNALS) process.prependListener(signal, onSignal)
}

/**
 * Steps aside before anyone else looks: others, too, end the process only where nobody but they listens. Where there
 * is no other listener the signal would have ended the process without us, and now it does, with the same status.
 *
 * Not before all is closed: signals come twice (a terminal sends them to every process, and npm passes them on), and
 * one that nobody listens to would end the process in the middle.
 */
function onSignal(signal: NodeJS.Signals): void {
  closeAll()
  process.removeListener(signal, onSignal)
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

function closeAll(): void {
  for (const closable of open) closable.close()
}
