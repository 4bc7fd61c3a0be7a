/** Something to close before the process ends: `close` is quick, synchronous, and may be called twice. */
export interface Closable {
  /** True where nothing would be left open. */
  readonly idle: boolean
  close(): void
}

const open = new Set<Closable>()
/** Without its handle nothing new can start in a closable; what has started still has to be closed. */
const dropped = new FinalizationRegistry<Closable>((closable) => {
  if (closable.idle) open.delete(closable)
})
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
let listening = false

/**
 * Closes something when the process ends: by `process.exit`, by an uncaught exception, or by a signal.
 *
 * SIGKILL, an abort and a blocked event loop leave no time for this: only the lines that were written by then remain.
 *
 * @param handle the object that users hold; when it is garbage-collected, the registration is dropped
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
 * Removes itself before other listeners run, since some packages end the process only if theirs is the only listener.
 * Without another listener the signal is sent again, so that the process ends with the status it would have had.
 *
 * It removes itself only after everything is closed: signals can come twice (a terminal sends them to every process,
 * and npm passes them on), and a second one without a listener would end the process half way.
 */
function onSignal(signal: NodeJS.Signals): void {
  closeAll()
  process.removeListener(signal, onSignal)
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

function closeAll(): void {
  for (const closable of open) closable.close()
}
