import 'reflect-metadata'
import { randomUUID } from 'node:crypto'
import { BullModule, getQueueToken, InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq'
import { Post } from '@nestjs/common'
import { ExpressAdapter } from '@nestjs/platform-express'
import type { Job, Queue } from 'bullmq'
import { expect, onTestFinished, test, vi } from 'vitest'
import { propagate, trackRequest } from '../../src/adapters/bullmq.ts'
import { TrackRequestModule } from '../../src/adapters/nestjs.ts'
import { BROKERS, isBrokerMissing } from '../brokers.ts'
import { SOON } from '../timeouts.ts'
import { ask } from './http-client.ts'
import { controller, create, method, moduleOf } from './nest-builders.ts'
import { trackedService } from './queue-rig.ts'

const missing = await isBrokerMissing('redis')

test.skipIf(missing)(
  'a request that Nest serves continues in a processor of @nestjs/bullmq, through a retry to its end',
  async () => {
    const connection = { url: BROKERS.redis, maxRetriesPerRequest: null }
    const { tracker, story, requests } = trackedService()
    let runs = 0
    class Packer extends WorkerHost {
      override readonly process = trackRequest((job: Job<string>) => this.pack(job.data), { tracker })

      pack(sku: string): Promise<string> {
        runs += 1
        return runs === 1 ? Promise.reject(new Error('not yet')) : Promise.resolve(`packed ${sku}`)
      }

      failed(job: Job | undefined, error: Error): void {
        this.process.failed(job, error)
      }
    }
    Processor('orders')(Packer)
    method(Packer, 'failed', OnWorkerEvent('failed'))

    class Shop {
      readonly #orders: Queue
      constructor(orders: Queue) {
        this.#orders = propagate(orders)
      }

      async place(): Promise<string> {
        await this.#orders.add('pack', 'mug', { attempts: 2 })
        return 'placed'
      }
    }
    InjectQueue('orders')(Shop, undefined, 0)
    method(Shop, 'place', Post('orders'))

    const root = moduleOf({
      imports: [
        TrackRequestModule.forRoot({ tracker }),
        BullModule.registerQueue({ name: 'orders', connection, prefix: `throughline-${randomUUID()}` }),
      ],
      controllers: [controller(Shop)],
      providers: [Packer],
    })
    const app = await create(root, new ExpressAdapter())
    onTestFinished(async () => {
      await app.get<Queue>(getQueueToken('orders')).obliterate({ force: true })
      await app.close()
    })
    await app.listen(0, '127.0.0.1')
    expect((await ask(`${await app.getUrl()}/orders`, { method: 'POST' })).status).toBe(201)
    const id = requests()[0] ?? ''
    await vi.waitFor(() => expect(story(id)).toContain('Completed 2 ok'), SOON)
    // The response and the worker run concurrently.
    expect(story(id).filter((entry) => entry !== '(RESPOND)')).toEqual([
      'Received',
      'Authenticated',
      'Processing',
      'Queued',
      '(ATTEMPT 1)',
      '(RETRY 1)',
      '(ATTEMPT 2)',
      'Completed 2 ok',
    ])
    expect(requests()).toHaveLength(1)
  },
)
