import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * A stand-in for one Kafka broker: it implements the part of the protocol that kafkajs needs, and stores record batches
 * unchanged.
 */
export interface KafkaBroker {
  /** The option `brokers` of `new Kafka`. */
  readonly address: string
  /** Rejects every further `Produce`, with an error that kafkajs does not retry. */
  refuse(): void
  stop(): Promise<void>
}

/** The supported requests, each in one version: Produce 3 and Fetch 4 introduced record headers. */
const VERSIONS: Readonly<Record<number, number>> = {
  0: 3,
  1: 4,
  2: 1,
  3: 1,
  8: 2,
  9: 1,
  10: 1,
  11: 0,
  12: 0,
  13: 0,
  14: 0,
  18: 0,
  22: 0,
  24: 0,
  26: 0,
}
const TOPIC_AUTHORIZATION_FAILED = 29

interface Topic {
  readonly batches: { readonly base: number; readonly bytes: Buffer }[]
  next: number
}

/** Each topic has one partition and is created on first use; each group has one member. */
export async function startKafkaBroker(): Promise<KafkaBroker> {
  const topics = new Map<string, Topic>()
  const committed = new Map<string, number>()
  const assignments = new Map<string, Buffer>()
  const waiting = new Set<() => void>()
  const sockets = new Set<Socket>()
  let [refusing, members, port] = [false, 0, 0]

  const topicOf = (name: string): Topic => {
    const topic = topics.get(name) ?? { batches: [], next: 0 }
    topics.set(name, topic)
    return topic
  }
  const self = (): Buffer => Buffer.concat([int32(1), string('127.0.0.1'), int32(port)])

  /** The handlers, by API key. */
  const answers: Readonly<Record<number, (read: Reader, version: number) => Buffer | Promise<Buffer> | undefined>> = {
    18: (_, version) => {
      const versions = Object.entries(VERSIONS).map(([key, only]) =>
        Buffer.concat([int16(Number(key)), int16(only), int16(only)]),
      )
      return Buffer.concat([int16(0), array(versions), ...(version > 0 ? [int32(0)] : [])])
    },
    3: (read) => {
      const names = read.array(() => read.string())
      const partition = Buffer.concat([int16(0), int32(0), int32(1), array([int32(1)]), array([int32(1)])])
      const described = (names.length > 0 ? names : [...topics.keys()]).map((name) => {
        topicOf(name)
        return Buffer.concat([int16(0), string(name), int8(0), array([partition])])
      })
      return Buffer.concat([array([Buffer.concat([self(), string(null)])]), int32(1), array(described)])
    },
    0: (read) => {
      read.string()
      const acks = read.int16()
      read.int32()
      const written = read.array(() => {
        const name = read.string()
        return Buffer.concat([
          string(name),
          array(read.array(() => Buffer.concat([int32(read.int32()), append(name, read.bytes())]))),
        ])
      })
      for (const wake of waiting) wake()
      return acks === 0 ? undefined : Buffer.concat([array(written), int32(0)])
    },
    1: async (read) => {
      read.int32()
      const timeoutMs = read.int32()
      read.skip(9)
      const partitions = read.array(() => {
        const name = read.string()
        const [from] = read.array(() => (read.int32(), [read.int64(), read.int32()] as const)[0])
        return { name, from: from ?? 0 }
      })
      if (partitions.every(({ name, from }) => topicOf(name).next <= from)) await somethingWritten(timeoutMs)
      return Buffer.concat([
        int32(0),
        array(
          partitions.map(({ name, from }) => {
            const { batches, next } = topicOf(name)
            const records = Buffer.concat(batches.filter(({ base }) => base >= from).map(({ bytes }) => bytes))
            return Buffer.concat([
              string(name),
              array([Buffer.concat([int32(0), int16(0), int64(next), int64(next), array([]), bytes(records)])]),
            ])
          }),
        ),
      ])
    },
    2: (read) => {
      read.int32()
      return array(
        read.array(() => {
          const name = read.string()
          return Buffer.concat([
            string(name),
            array(
              read.array(() => {
                const [partition, time] = [read.int32(), read.int64()]
                return Buffer.concat([
                  int32(partition),
                  int16(0),
                  int64(-1),
                  int64(time === -2 ? 0 : topicOf(name).next),
                ])
              }),
            ),
          ])
        }),
      )
    },
    8: (read) => {
      const group = read.string()
      read.int32()
      read.string()
      read.int64()
      return array(
        read.array(() => {
          const name = read.string()
          return Buffer.concat([
            string(name),
            array(
              read.array(() => {
                const partition = read.int32()
                committed.set(`${group} ${name}`, read.int64())
                read.string()
                return Buffer.concat([int32(partition), int16(0)])
              }),
            ),
          ])
        }),
      )
    },
    9: (read) => {
      const group = read.string()
      return array(
        read.array(() => {
          const name = read.string()
          return Buffer.concat([
            string(name),
            array(
              read.array(() =>
                Buffer.concat([
                  int32(read.int32()),
                  int64(committed.get(`${group} ${name}`) ?? -1),
                  string(''),
                  int16(0),
                ]),
              ),
            ),
          ])
        }),
      )
    },
    10: () => Buffer.concat([int32(0), int16(0), string(null), self()]),
    11: (read) => {
      read.string()
      read.int32()
      const member = read.string() || `member-${String(++members)}`
      read.string()
      const [protocol] = read.array(() => ({ name: read.string(), metadata: read.bytes() }))
      return Buffer.concat([
        int16(0),
        int32(members),
        string(protocol?.name ?? ''),
        string(member),
        string(member),
        array([Buffer.concat([string(member), bytes(protocol?.metadata ?? Buffer.alloc(0))])]),
      ])
    },
    14: (read) => {
      read.string()
      read.int32()
      const member = read.string()
      for (const { name, assignment } of read.array(() => ({ name: read.string(), assignment: read.bytes() })))
        assignments.set(name, assignment)
      return Buffer.concat([int16(0), bytes(assignments.get(member) ?? Buffer.alloc(0))])
    },
    12: () => int16(0),
    13: () => int16(0),
    22: () => Buffer.concat([int32(0), int16(0), int64(1), int16(0)]),
    24: (read) => {
      read.string()
      read.skip(10)
      return Buffer.concat([
        int32(0),
        array(
          read.array(() => {
            const name = read.string()
            return Buffer.concat([
              string(name),
              array(read.array(() => Buffer.concat([int32(read.int32()), int16(0)]))),
            ])
          }),
        ),
      ])
    },
    26: () => Buffer.concat([int32(0), int16(0)]),
  }

  /** Appends a batch with its offset, and returns the result for the partition. */
  function append(name: string, batch: Buffer): Buffer {
    if (refusing) return Buffer.concat([int16(TOPIC_AUTHORIZATION_FAILED), int64(-1), int64(-1)])
    const topic = topicOf(name)
    const base = topic.next
    const stored = Buffer.from(batch)
    // The checksum does not cover the offset; the number of records follows it.
    stored.writeBigInt64BE(BigInt(base), 0)
    topic.batches.push({ base, bytes: stored })
    topic.next += stored.readInt32BE(23) + 1
    return Buffer.concat([int16(0), int64(base), int64(-1)])
  }

  function somethingWritten(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      waiting.add(wake)
    })
  }

  async function answer(socket: Socket, request: Buffer): Promise<void> {
    const read = new Reader(request)
    const [key, version, correlation] = [read.int16(), read.int16(), read.int32()]
    read.string()
    const body = await answers[key]?.(read, version)
    if (body !== undefined && !socket.destroyed)
      socket.write(Buffer.concat([int32(body.length + 4), int32(correlation), body]))
  }

  const server = createServer((socket) => {
    let unread = Buffer.alloc(0)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk])
      while (unread.length >= 4 && unread.length >= 4 + unread.readInt32BE(0)) {
        const end = 4 + unread.readInt32BE(0)
        answer(socket, unread.subarray(4, end)).catch(() => socket.destroy())
        unread = unread.subarray(end)
      }
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on TCP has an address of this type.
  port = (server.address() as AddressInfo).port

  return {
    address: `127.0.0.1:${String(port)}`,
    refuse: () => void (refusing = true),
    async stop() {
      for (const wake of waiting) wake()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Reads the protocol's primitive types, from the start of a buffer. */
class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  skip(length: number): number {
    this.#at += length
    return this.#at - length
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.skip(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.skip(4))
  }

  int64(): number {
    return Number(this.#buffer.readBigInt64BE(this.skip(8)))
  }

  string(): string {
    const length = Math.max(0, this.int16())
    return this.#buffer.toString('utf8', this.skip(length), this.#at)
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32())
    return this.#buffer.subarray(this.skip(length), this.#at)
  }

  array<T>(item: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, item)
  }
}

function int8(value: number): Buffer {
  return Buffer.of(value)
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function int64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(BigInt(value))
  return buffer
}

function string(value: string | null): Buffer {
  return value === null ? int16(-1) : Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}

function array(items: readonly Buffer[]): Buffer {
  return Buffer.concat([int32(items.length), ...items])
}
