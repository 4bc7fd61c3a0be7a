import type { AddressInfo, Server } from 'node:net'
import type { INestMicroservice, ModuleMetadata } from '@nestjs/common'
import {
  ClientTCP,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices'
import { expect, onTestFinished, vi } from 'vitest'
import { TrackRequestModule, type NestOptions } from '../../src/adapters/nestjs.ts'
import { SOON } from '../timeouts.ts'
import { controller, createMicroservice, method, moduleOf, parameters } from './nest-builders.ts'
import type { TrackedService } from './queue-rig.ts'

/** What a controller of messages does, by their patterns. */
export interface Handlers {
  readonly events?: Readonly<Record<string, (data: unknown, context: object) => unknown>>
  readonly messages?: Readonly<Record<string, (data: unknown, context: object) => unknown>>
}

/** A controller of handlers of events and messages, each by its pattern: a text, or JSON. */
export function handling({ events = {}, messages = {} }: Handlers): new () => object {
  class Handling {
    // Methods are named by their patterns.
    readonly [name: string]: unknown
  }
  // What a class is made of here.
  const prototype = Handling.prototype as Record<string, unknown>
  const add = (handlers: Handlers['events'], decorate: (pattern: unknown) => MethodDecorator): void => {
    for (const [pattern, handle] of Object.entries(handlers ?? {})) {
      prototype[pattern] = (data: unknown, context: object) => handle(data, context)
      method(Handling, pattern, decorate(pattern.startsWith('{') ? JSON.parse(pattern) : pattern))
      parameters(Handling, pattern, Payload(), Ctx())
    }
  }
  add(events, (pattern) => EventPattern(pattern))
  add(messages, (pattern) => MessagePattern(pattern as string))
  return controller(Handling)
}

/** Starts a microservice of these controllers, for as long as the test runs. */
export async function serve(
  service: TrackedService,
  options: MicroserviceOptions,
  controllers: (new () => object)[],
  { parts = {}, tracking = {} }: { readonly parts?: ModuleMetadata; readonly tracking?: Partial<NestOptions> } = {},
): Promise<INestMicroservice> {
  const root = moduleOf({
    ...parts,
    imports: [TrackRequestModule.forRoot({ ...tracking, tracker: service.tracker }), ...(parts.imports ?? [])],
    controllers,
  })
  const app = await createMicroservice(root, options)
  await app.listen()
  onTestFinished(() => app.close())
  return app
}

/** Waits for the story of one request to have become so. */
export async function expectStory(service: TrackedService, index: number, story: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(service.story(service.requests()[index] ?? '')).toEqual(story), SOON)
  expect(service.tracker.inFlight()).toEqual([])
  expect(service.tracker.stats.faults).toBe(0)
}

/** How a microservice over TCP is started, at any port. */
export const direct = (): MicroserviceOptions => ({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } })

/** A client of a microservice that was started by {@link direct}. */
export function clientOf(app: INestMicroservice): ClientTCP {
  // A server that listens on TCP has an address of this kind.
  const { port } = app.unwrap<Server>().address() as AddressInfo
  const client = new ClientTCP({ host: '127.0.0.1', port })
  onTestFinished(() => client.close())
  return client
}
