// NestJS 12 on Express, with a microservice over TCP in the same application: one trace through both.
// What stands above classes and methods in your files is called as a function here, where there is no decorator syntax.
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
    if (sku !== 'mug') throw new Error(`nobody has ever counted a ${sku}`)
    return 7
  }
}

class Shop {
  async order(sku: string): Promise<string> {
    if (sku === 'nothing') throw new NotFoundException('there is no such thing')
    const count = await lastValueFrom(stock.send<number>('stock.count', sku))
    return `${String(count)} of ${sku} under ${currentTraceId()}\n`
  }
}

function decorated(of: { readonly prototype: object }, name: string, method: MethodDecorator, parameter: ParameterDecorator): void {
  method(of.prototype, name, Object.getOwnPropertyDescriptor(of.prototype, name) ?? {})
  parameter(of.prototype, name, 0)
}
decorated(Stock, 'count', MessagePattern('stock.count'), Payload())
decorated(Shop, 'order', Get('orders/:sku'), Param('sku'))
for (const controller of [Stock, Shop]) Controller()(controller)

class App {
  readonly name = 'shop'
}
Module({ imports: [TrackRequestModule.forRoot({ service: 'shop' })], controllers: [Stock, Shop] })(App)

Logger.overrideLogger(false)
const app = await NestFactory.create(App)
const microservice = app.connectMicroservice<MicroserviceOptions>(
  { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
  // Without this Nest applies to the microservice nothing that the application has for all its handlers.
  { inheritAppConfig: true },
)
await app.startAllMicroservices()
await app.listen(0, '127.0.0.1')

// A server that listens on TCP has an address with a port.
const { port } = microservice.unwrap<Server>().address() as AddressInfo
const stock = propagate(new ClientTCP({ host: '127.0.0.1', port }))

for (const sku of ['mug', 'nothing', 'ghost']) {
  const answer = await fetch(`${await app.getUrl()}/orders/${sku}`, { headers: { 'x-trace-id': 'abc-123' } })
  console.log(answer.status, await answer.text())
}
stock.close()
await app.close()
