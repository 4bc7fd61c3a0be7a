import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { BatchSpanProcessor, NodeTracerProvider, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-node'

/**
 * Writes each batch of spans as lines of JSON, in one asynchronous write.
 *
 * It stands in for an exporter over the network, which serialises the same fields and then pays for a request besides.
 */
class FileExporter implements SpanExporter {
  readonly #file

  constructor(file: string) {
    this.#file = open(file, 'a')
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    const lines = spans.map((span) => `${JSON.stringify(fieldsOf(span))}\n`).join('')
    // A write that fails rejects unheard and ends the process, and the benchmark with it.
    void this.#file.then((file) => file.appendFile(lines)).then(() => {
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- success: the enum is in a package that nothing else needs
      done({ code: 0 })
    })
  }

  async shutdown(): Promise<void> {
    await (await this.#file).close()
  }
}

/** What OTLP sends of a span; the resource is sent once for a batch there, and left out here. */
function fieldsOf(span: ReadableSpan): object {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const { name, kind, startTime, endTime, attributes, status, events, links, parentSpanContext, droppedAttributesCount } = span
  return { traceId, spanId, traceFlags, parentSpanId: parentSpanContext?.spanId, name, kind, startTime, endTime, attributes, status, events, links, droppedAttributesCount }
}

/**
 * Tracing as in production: every request gets a span, and spans are exported in batches.
 *
 * @returns what exports the spans that are still waiting
 */
export function trace(file: string): () => Promise<void> {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new FileExporter(file))] })
  provider.register()
  new HttpInstrumentation().setTracerProvider(provider)
  // It patches the prototype of servers once node:http is required; an import alone would go past it.
  createRequire(import.meta.url)('node:http')
  return () => provider.forceFlush()
}
