import { connect } from 'amqp-connection-manager'
import type { ConsumeMessage } from 'amqplib'
import { propagate, trackRequest } from '../../../src/adapters/amqplib.ts'
import { BROKERS } from '../../brokers.ts'
import type { OpenRig } from '../queue-rig.ts'
import { attemptsOf, openRig as openPlain } from './amqplib.ts'

/** The queues of amqplib's rig, through channels that survive their connections. */
export const openRig: OpenRig = async (address = BROKERS.rabbitmq) => {
  const plain = await openPlain(address)
  const manager = connect([address])
  const sender = propagate(manager.createChannel())

  return {
    ...plain,
    send: (queue, body, headers = {}) => sender.sendToQueue(queue, Buffer.from(body), { headers }),
    async sendDown(queue) {
      // A port without a listener. Such a channel keeps its messages, by default without end.
      const away = connect(['amqp://127.0.0.1:1'], { reconnectTimeInSeconds: 0.01 })
      const channel = propagate(away.createChannel({ publishTimeout: 10 }))
      try {
        return await channel.sendToQueue(queue, Buffer.from('lost'))
      } finally {
        await away.close()
      }
    },
    async work(queue, tracker, work) {
      const channel = propagate(manager.createChannel())
      await channel.waitForConnect()
      const handle = async (message: ConsumeMessage): Promise<void> => {
        try {
          await work({ body: message.content.toString(), host: message })
          channel.ack(message)
        } catch {
          channel.nack(message)
        }
      }
      const tracked = trackRequest(handle, { tracker, attempts: attemptsOf(queue) })
      await channel.consume(queue, (message) => void tracked(message), { prefetch: 20 })
      return () => channel.close()
    },
    async close() {
      await manager.close()
      await plain.close()
    },
  }
}
