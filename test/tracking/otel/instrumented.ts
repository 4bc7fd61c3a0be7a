/** Sets up OpenTelemetry with its instrumentation of pino, before pino is loaded; its options come as JSON in PINO_INSTRUMENTATION. */
import { diag, DiagConsoleLogger, DiagLogLevel } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { PinoInstrumentation, type PinoInstrumentationConfig } from '@opentelemetry/instrumentation-pino'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

// What the test has written there.
const config = JSON.parse(process.env.PINO_INSTRUMENTATION ?? '{}') as PinoInstrumentationConfig
// What it cannot send is told on stderr.
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
new NodeTracerProvider().register()
registerInstrumentations({ instrumentations: [new PinoInstrumentation(config)] })
