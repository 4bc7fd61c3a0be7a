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

/** Decorates a method, as decorators above it would. */
export function method<C extends Constructor>(
  of: C,
  name: keyof InstanceType<C> & string,
  ...decorators: readonly MethodDecorator[]
): void {
  // Every class has a prototype, though its type says unknown.
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

/** Makes a class a controller. */
export function controller<C extends new (...args: never[]) => object>(of: C, path = ''): C {
  Controller(path)(of)
  return of
}

/** A new root module with this metadata and middleware. */
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

/** Creates an application that logs nothing and throws its errors. */
export function create(
  root: new () => object,
  adapter: AbstractHttpAdapter,
  options: Pick<NestApplicationOptions, 'rawBody' | 'httpsOptions'> = {},
): Promise<INestApplication> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options are typed as a class, but users pass literals
  return NestFactory.create(root, adapter, {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
    ...options,
  })
}

/** Creates such a microservice. */
export function createMicroservice(root: new () => object, options: MicroserviceOptions): Promise<INestMicroservice> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as above
  return NestFactory.createMicroservice<MicroserviceOptions>(root, { logger: false, abortOnError: false, ...options })
}
