import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { destination, pino, type Logger } from 'pino'
import { traceMixin } from 'throughline'

/**
 * A pino logger for one service: its file holds the application's lines and throughline's.
 *
 * It writes synchronously, so that no line is lost when the process is killed.
 */
export function serviceLogger(service: string): Logger {
  const folder = setting('STOREFRONT_LOGS')
  mkdirSync(folder, { recursive: true })
  return pino(
    { base: { service, pid: process.pid }, mixin: traceMixin },
    destination({ dest: join(folder, `${service}.ndjson`), sync: true }),
  )
}

/** A setting that demo.ts passes in the environment. */
export function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: demo.ts starts the services`)
  return value
}

/** Sends the service's address to demo.ts, and stops the process on SIGTERM. */
export function ready(address: string, close: () => unknown): void {
  process.once('SIGTERM', () => void stop(close))
  process.send?.({ address })
}

async function stop(close: () => unknown): Promise<void> {
  try {
    await close()
  } finally {
    process.exit()
  }
}

// If demo.ts was killed, nothing else would stop this process.
process.once('disconnect', () => process.exit(1))
if (!process.connected) {
  console.error('This service has to be started by the demo: run demo.ts')
  process.exit(1)
}
// Ctrl-C reaches the whole process group; demo.ts stops its services in order.
process.on('SIGINT', () => undefined)
