import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'

/**
 * Writes each batch of spans as lines of JSON, in one asynchronous write.
 *
 * It stands in for a network exporter, which serialises the same fields and sends a request as well.
 */
class FileExporter implements SpanExporter {
  readonly #file

  constructor(file: string) {
    this.#file = open(file, 'a')
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    const lines = spans.map((span) => `${JSON.stringify(fieldsOf(span))}\n`).join('')
    // A failed write is an unhandled rejection, which ends the process and with it the benchmark.
    void this.#file
      .then((file) => file.appendFile(lines))
      .then(() => {
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- success: the enum is in a package that nothing else needs
        done({ code: 0 })
      })
  }

  async shutdown(): Promise<void> {
    await (await this.#file).close()
  }
}

/** The fields that OTLP sends of a span, without the resource, which it sends once per batch. */
function fieldsOf(span: ReadableSpan): object {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const {
    name,
    kind,
    startTime,
    endTime,
    attributes,
    status,
    events,
    links,
    parentSpanContext,
    droppedAttributesCount,
  } = span
  return {
    traceId,
    spanId,
    traceFlags,
    parentSpanId: parentSpanContext?.spanId,
    name,
    kind,
    startTime,
    endTime,
    attributes,
    status,
    events,
    links,
    droppedAttributesCount,
  }
}

/**
 * Starts tracing as in production: every request gets a span, and spans are exported in batches.
 *
 * @returns a function that exports the pending spans
 */
export function startTracing(file: string): () => Promise<void> {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new FileExporter(file))] })
  provider.register()
  new HttpInstrumentation().setTracerProvider(provider)
  // The instrumentation hooks `require`, not `import`. It then patches the prototype of servers, which importers share.
  createRequire(import.meta.url)('node:http')
  return () => provider.forceFlush()
}
