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

/** The handlers of a controller, by pattern. */
export interface Handlers {
  readonly events?: Readonly<Record<string, (data: unknown, context: object) => unknown>>
  readonly messages?: Readonly<Record<string, (data: unknown, context: object) => unknown>>
}

/** A controller of these handlers; a pattern is a string, or an object as JSON. */
export function handling({ events = {}, messages = {} }: Handlers): new () => object {
  class Handling {
    // The methods have their patterns as names.
    readonly [name: string]: unknown
  }
  // The methods are added below.
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

/** Starts a microservice of these controllers until the test ends. */
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

/** Waits until the story of one request is as expected. */
export async function expectStory(service: TrackedService, index: number, story: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(service.story(service.requests()[index] ?? '')).toEqual(story), SOON)
  expect(service.tracker.inFlight()).toEqual([])
  expect(service.tracker.stats.faults).toBe(0)
}

/** The options of a microservice over TCP, on any free port. */
export const direct = (): MicroserviceOptions => ({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } })

/** A client of a microservice that was started with {@link direct}. */
export function clientOf(app: INestMicroservice): ClientTCP {
  // A server that listens on TCP has an address of this type.
  const { port } = app.unwrap<Server>().address() as AddressInfo
  const client = new ClientTCP({ host: '127.0.0.1', port })
  onTestFinished(() => client.close())
  return client
}
