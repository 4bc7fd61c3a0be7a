import { handler } from './_handler.ts'
import { startTracing } from './_open-telemetry.ts'
import { LOG_FILE, serve } from './_serve.ts'

const flush = startTracing(LOG_FILE)

serve(handler, flush)
