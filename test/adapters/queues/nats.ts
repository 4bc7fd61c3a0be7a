import { randomUUID } from 'node:crypto'
import { AckPolicy, jetstream, jetstreamManager, StorageType, type ConsumerInfo, type JsMsg } from '@nats-io/jetstream'
import { connect, headers as newHeaders, nanos, type MsgHdrs } from '@nats-io/transport-node'
import { propagate, trackRequest } from '../../../src/adapters/nats.ts'
import { BROKERS } from '../../brokers.ts'
import { SOON } from '../../timeouts.ts'
import { REDELIVERY_SECONDS, type OpenRig } from '../queue-rig.ts'

/** @param address the URL of a server and a stream, separated by a space; the rig that created the stream deletes it */
export const openRig: OpenRig = async (address = BROKERS.nats) => {
  const [url = '', given] = address.split(' ')
  const stream = given ?? `throughline-${randomUUID()}`
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection, { timeout: SOON })
  if (given === undefined)
    await manager.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.Memory })
  const plain = jetstream(connection, { timeout: SOON })
  const client = propagate(plain)

  return {
    address: `${url} ${stream}`,
    async newQueue(attempts) {
      const subject = `${stream}.${randomUUID()}`
      await manager.consumers.add(stream, {
        durable_name: durableOf(subject),
        filter_subject: subject,
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(REDELIVERY_SECONDS * 1_000),
        max_deliver: attempts,
      })
      return subject
    },
    send: (queue, body, headers) => client.publish(queue, body, optionsOf(headers)),
    sendBare: (queue, body, headers) => plain.publish(queue, body, optionsOf(headers)),
    async sendDown(queue) {
      const closed = await connect({ servers: url })
      await closed.close()
      return propagate(jetstream(closed)).publish(queue, 'lost')
    },
    async work(queue, tracker, work) {
      const consumer = await plain.consumers.get(stream, durableOf(queue))
      const { max_deliver: attempts = -1 } = (await consumer.info()).config
      const handle = trackRequest(
        async (message: JsMsg) => {
          await work({ body: message.string(), host: message })
          message.ack()
        },
        { tracker, attempts },
      )
      const messages = await consumer.consume({ max_messages: 20 })
      const failed = (message: JsMsg): void => (message.info.deliveryCount < attempts ? message.nak() : message.term())
      const worked = (async () => {
        for await (const message of messages) handle(message).catch(() => failed(message))
      })()
      return async () => {
        await messages.close()
        await worked
      }
    },
    async redeliver(queue) {
      const info = (): Promise<ConsumerInfo> => manager.consumers.info(stream, durableOf(queue))
      // A server that has not noticed the worker's death tries it once more, and then does not count that delivery.
      while ((await info()).num_waiting > 0);
      // A negative acknowledgement in place of the dead worker's, on the subject that the message had for replies.
      const { delivered } = await info()
      const { stream_seq, consumer_seq } = delivered
      connection.publish(`$JS.ACK.${stream}.${durableOf(queue)}.1.${stream_seq}.${consumer_seq}.0.0`, '-NAK')
      await connection.flush()
    },
    async close() {
      if (given === undefined) await manager.streams.delete(stream)
      await connection.close()
    },
  }
}

function optionsOf(headers: Readonly<Record<string, string>> | undefined): { readonly headers?: MsgHdrs } {
  return headers === undefined ? {} : { headers: msgHdrs(headers) }
}

function durableOf(subject: string): string {
  return subject.replaceAll('.', '-')
}

export function msgHdrs(headers: Readonly<Record<string, string>>): MsgHdrs {
  const made = newHeaders()
  for (const [key, value] of Object.entries(headers)) made.append(key, value)
  return made
}
