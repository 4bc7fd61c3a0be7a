/**
 * NestJS 12 on Express, with a TCP microservice in the same application: one trace through both.
 *
 * Decorators are called as functions here, since this file is compiled without support for decorator syntax.
 *
 *   npx tsx examples/nestjs.ts
 */
import 'reflect-metadata'
import type { AddressInfo, Server } from 'node:net'
import { Controller, Get, Logger, Module, NotFoundException, Param } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientTCP, MessagePattern, Payload, Transport, type MicroserviceOptions } from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { currentTraceId } from 'throughline'
import { propagate, TrackRequestModule } from 'throughline/nestjs'

class Stock {
  count(sku: string): number {
    if (sku !== 'mug') throw new Error(`there is no stock of ${sku}`)
    return 7
  }
}

class Shop {
  async order(sku: string): Promise<string> {
    if (sku === 'nothing') throw new NotFoundException('there is no such product')
    const count = await lastValueFrom(stock.send<number>('stock.count', sku))
    return `${String(count)} of ${sku} under ${currentTraceId()}\n`
  }
}

function decorate(
  controller: { readonly prototype: object },
  name: string,
  method: MethodDecorator,
  parameter: ParameterDecorator,
): void {
  method(controller.prototype, name, Object.getOwnPropertyDescriptor(controller.prototype, name) ?? {})
  parameter(controller.prototype, name, 0)
}
decorate(Stock, 'count', MessagePattern('stock.count'), Payload())
decorate(Shop, 'order', Get('orders/:sku'), Param('sku'))
for (const controller of [Stock, Shop]) Controller()(controller)

class App {
  readonly name = 'shop'
}
Module({ imports: [TrackRequestModule.forRoot({ service: 'shop' })], controllers: [Stock, Shop] })(App)

Logger.overrideLogger(false)
const app = await NestFactory.create(App)
const microservice = app.connectMicroservice<MicroserviceOptions>(
  { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
  // Without this Nest applies nothing global to the microservice, and its handlers are not tracked.
  { inheritAppConfig: true },
)
await app.startAllMicroservices()
await app.listen(0, '127.0.0.1')

// A server that listens on a TCP port returns an AddressInfo.
const { port } = microservice.unwrap<Server>().address() as AddressInfo
const stock = propagate(new ClientTCP({ host: '127.0.0.1', port }))

for (const sku of ['mug', 'nothing', 'ghost']) {
  const answer = await fetch(`${await app.getUrl()}/orders/${sku}`, { headers: { 'x-trace-id': 'abc-123' } })
  console.log(answer.status, await answer.text())
}
stock.close()
await app.close()
