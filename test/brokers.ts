import { connect } from 'node:net'
import { SOON } from './timeouts.ts'

/** Where the brokers of the queue suites answer: at their standard ports, or where the environment says. */
export const BROKERS = {
  redis: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  rabbitmq: process.env.RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672',
  nats: process.env.NATS_URL ?? 'nats://127.0.0.1:4222',
} as const

/**
 * Whether nothing listens where a broker should be: its suites are skipped then, with a line that says so; with
 * REQUIRE_SERVICES=1 they run, and fail.
 */
export async function isBrokerMissing(name: keyof typeof BROKERS): Promise<boolean> {
  const { hostname, port } = new URL(BROKERS[name])
  const socket = connect({ host: hostname, port: Number(port), timeout: SOON })
  const listens = await new Promise<boolean>((resolve) => {
    socket
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
      .once('timeout', () => resolve(false))
  })
  socket.destroy()
  if (listens || process.env.REQUIRE_SERVICES === '1') return false
  process.stderr.write(`skipped: ${name} at ${BROKERS[name]} does not answer; REQUIRE_SERVICES=1 makes this fail\n`)
  return true
}
