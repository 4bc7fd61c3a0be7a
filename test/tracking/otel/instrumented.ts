/**
 * Sets up OpenTelemetry's instrumentation of pino before pino is loaded. Its options are in PINO_INSTRUMENTATION, as
 * JSON.
 */
import { diag, DiagConsoleLogger, DiagLogLevel } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { PinoInstrumentation, type PinoInstrumentationConfig } from '@opentelemetry/instrumentation-pino'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

// Written by the test.
const config = JSON.parse(process.env.PINO_INSTRUMENTATION ?? '{}') as PinoInstrumentationConfig
// Failures are printed to stderr.
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
new NodeTracerProvider().register()
registerInstrumentations({ instrumentations: [new PinoInstrumentation(config)] })
