import { Client } from 'pg'
import { QUEUE, QUEUE_SCHEMA } from './layout.ts'

/** What has become of the orders, by the word of the database: neither logs nor library are asked. */
export class Orders {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async open(connectionString: string): Promise<Orders> {
    const client = new Client({ connectionString })
    // The database may end before this connection does.
    client.on('error', () => undefined)
    await client.connect()
    return new Orders(client)
  }

  /** Whether a worker has begun with an order, and not ended. */
  async inHand(id: string): Promise<boolean> {
    const { rowCount } = await this.#client.query(`SELECT FROM storefront.orders WHERE id = $1 AND status = 'in hand'`, [id])
    return rowCount === 1
  }

  /** The orders that the queue does not know to be completed. */
  async unfinished(): Promise<Set<string>> {
    const { rows } = await this.#client.query<{ id: string }>(
      `SELECT id FROM ${QUEUE_SCHEMA}.job WHERE name = '${QUEUE}' AND state <> 'completed'`,
    )
    return new Set(rows.map(({ id }) => id))
  }

  close(): Promise<void> {
    return this.#client.end()
  }
}
