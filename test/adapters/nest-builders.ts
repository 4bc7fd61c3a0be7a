import {
  Controller,
  Module,
  type INestApplication,
  type INestMicroservice,
  type MiddlewareConsumer,
  type ModuleMetadata,
  type NestApplicationOptions,
} from '@nestjs/common'
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core'
import type { MicroserviceOptions } from '@nestjs/microservices'

type Constructor = abstract new (...args: never[]) => object

/** Decorates a method: what `@each` above it would do. */
export function method<C extends Constructor>(
  of: C,
  name: keyof InstanceType<C> & string,
  ...decorators: readonly MethodDecorator[]
): void {
  // Every class has a prototype, which the types of classes leave open.
  const prototype = of.prototype as object
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
  for (const decorate of descriptor === undefined ? [] : decorators) decorate(prototype, name, descriptor ?? {})
}

/** Decorates the parameters of a method, from the first. */
export function parameters<C extends Constructor>(
  of: C,
  name: keyof InstanceType<C> & string,
  ...decorators: readonly ParameterDecorator[]
): void {
  // As above.
  for (const [index, decorate] of decorators.entries()) decorate(of.prototype as object, name, index)
}

/** A controller, for what stands under its path. */
export function controller<C extends new (...args: never[]) => object>(of: C, path = ''): C {
  Controller(path)(of)
  return of
}

/** A new root module of these parts, and the middleware that it has. */
export function moduleOf(
  parts: ModuleMetadata,
  configure: (consumer: MiddlewareConsumer) => unknown = () => undefined,
): new () => object {
  class App {
    configure(consumer: MiddlewareConsumer): void {
      configure(consumer)
    }
  }
  Module(parts)(App)
  return App
}

/** An application that prints nothing, and whose mistakes are thrown. */
export function create(
  root: new () => object,
  adapter: AbstractHttpAdapter,
  options: Pick<NestApplicationOptions, 'rawBody'> = {},
): Promise<INestApplication> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- a class in name only: Nest's users all give it literals
  return NestFactory.create(root, adapter, {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
    ...options,
  })
}

/** The same for a microservice. */
export function createMicroservice(root: new () => object, options: MicroserviceOptions): Promise<INestMicroservice> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as above
  return NestFactory.createMicroservice<MicroserviceOptions>(root, { logger: false, abortOnError: false, ...options })
}
