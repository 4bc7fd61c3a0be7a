import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { destination, pino, type Logger } from 'pino'
import { traceMixin } from 'throughline'

/**
 * A service's own log file, for its application's lines and for throughline's.
 *
 * Synchronous, so that every line is on disk before the process can be killed.
 */
export function serviceLogger(service: string): Logger {
  const folder = setting('STOREFRONT_LOGS')
  mkdirSync(folder, { recursive: true })
  return pino({ base: { service, pid: process.pid }, mixin: traceMixin }, destination({ dest: join(folder, `${service}.ndjson`), sync: true }))
}

/** What demo.ts tells this process by its environment. */
export function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: demo.ts starts the services`)
  return value
}

/** Tells demo.ts where this service is to be found, and ends when it is told to, or when demo.ts is gone. */
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

// The demo died without a word: nobody else would ever end this process.
process.once('disconnect', () => process.exit(1))
if (!process.connected) {
  console.error('A service lives as long as the demo that started it: run demo.ts')
  process.exit(1)
}
// Ctrl-C reaches the whole group; the demo ends its services in order.
process.on('SIGINT', () => undefined)
