/** Lets instrumentations hook ES module imports, as OpenTelemetry requires. */
import { register } from 'node:module'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
