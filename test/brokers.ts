import { connect } from 'node:net'
import { SOON } from './timeouts.ts'

/** The URLs of the brokers: from the environment, or at their standard ports. */
export const BROKERS = {
  redis: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
  rabbitmq: process.env.RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672',
  nats: process.env.NATS_URL ?? 'nats://127.0.0.1:4222',
} as const

/**
 * True if nothing listens at the URL of a broker. Its suites are then skipped, with a line on stderr. With
 * REQUIRE_SERVICES=1 the result is false, so that they run and fail.
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
