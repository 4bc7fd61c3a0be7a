import { Client } from 'pg'
import { QUEUE, QUEUE_SCHEMA } from './schema.ts'

/** The state of the orders as the database has it, independent of logs and library. */
export class Orders {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async open(connectionString: string): Promise<Orders> {
    const client = new Client({ connectionString })
    // The database may stop before this connection closes.
    client.on('error', () => undefined)
    await client.connect()
    return new Orders(client)
  }

  /** Whether a worker has started to pack an order and not finished. */
  async isBeingPacked(id: string): Promise<boolean> {
    const { rowCount } = await this.#client.query(
      `SELECT FROM storefront.orders WHERE id = $1 AND status = 'packing'`,
      [id],
    )
    return rowCount === 1
  }

  /** The ids of the orders that are not completed in the queue. */
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
