import { randomUUID } from 'node:crypto'
import { connect, type ConsumeMessage } from 'amqplib'
import { propagate, trackRequest } from '../../../src/adapters/amqplib.ts'
import { BROKERS } from '../../brokers.ts'
import type { OpenRig } from '../queue-rig.ts'

/** @param address the URL of a broker; a rig deletes the queues that it has created */
export const openRig: OpenRig = async (address = BROKERS.rabbitmq) => {
  const connection = await connect(address)
  const plain = await connection.createConfirmChannel()
  const sender = propagate(plain)
  const queues: string[] = []

  return {
    address,
    async newQueue(attempts) {
      // A consumer cannot ask for a queue's limits, so its name holds them, also for other processes.
      const name = `orders-${String(attempts)}-${randomUUID()}`
      queues.push(name)
      await plain.assertQueue(name, { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': attempts - 1 } })
      return name
    },
    send: (queue, body, headers = {}) =>
      confirmed((done) => sender.sendToQueue(queue, Buffer.from(body), { headers }, done)),
    sendBare: (queue, body, headers) =>
      confirmed((done) => plain.sendToQueue(queue, Buffer.from(body), { headers }, done)),
    async sendDown(queue) {
      const lost = await connect(address)
      const channel = propagate(await lost.createConfirmChannel())
      await lost.close()
      return confirmed((done) => channel.sendToQueue(queue, Buffer.from('lost'), {}, done))
    },
    async work(queue, tracker, work) {
      const channel = propagate(await connection.createChannel())
      await channel.prefetch(20)
      const handle = async (message: ConsumeMessage | null): Promise<void> => {
        if (message === null) return
        try {
          await work({ body: message.content.toString(), host: message })
          channel.ack(message)
        } catch {
          // Not a nack, which newer brokers do not count as a delivery.
          channel.reject(message)
        }
      }
      const tracked = trackRequest(handle, { tracker, attempts: attemptsOf(queue) })
      await channel.consume(queue, (message) => void tracked(message))
      return () => channel.close()
    },
    // The broker does so as soon as the worker's connection is lost.
    redeliver: () => Promise.resolve(),
    async close() {
      for (const queue of queues) await plain.deleteQueue(queue)
      await connection.close()
    },
  }
}

/** The maximum number of deliveries of a queue's messages, from the name that this rig has given it. */
export function attemptsOf(queue: string): number {
  return Number(queue.split('-')[1])
}

/** Sends, and settles as the broker confirms. */
export function confirmed(send: (done: (error: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    send((error) => (error === null ? resolve() : reject(error)))
  })
}
