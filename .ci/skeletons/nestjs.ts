import 'reflect-metadata'
import { Controller, Get, Injectable, Module, NotFoundException, Param } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { currentTraceId } from 'throughline'
import { TrackRequestModule } from 'throughline/nestjs'

@Injectable()
class Orders {
  find(id: string): string {
    if (id === '0') throw new NotFoundException('there is no order 0')
    return `order ${id} under ${currentTraceId()}`
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly orders: Orders) {}

  @Get(':id')
  find(@Param('id') id: string): string {
    return this.orders.find(id)
  }
}

@Module({
  imports: [TrackRequestModule.forRoot({ service: 'shop' })],
  controllers: [OrdersController],
  providers: [Orders],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: false })
  await app.listen(0, '127.0.0.1')
  for (const id of ['7', '0']) {
    const answer = await fetch(`${await app.getUrl()}/orders/${id}`, { headers: { 'x-trace-id': 'abc-123' } })
    const text = await answer.text()
    if (id === '7' && text !== 'order 7 under abc-123') throw new Error(text)
  }
  await app.close()
}

void main()
