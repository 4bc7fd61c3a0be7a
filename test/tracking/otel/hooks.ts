/** Lets instrumentations see what is imported, as OpenTelemetry asks of a program that is made of ES modules. */
import { register } from 'node:module'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
