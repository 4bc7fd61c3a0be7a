import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'
import { trace } from './_tracing.ts'

const flush = trace(LOG_FILE)

serve(handler, flush)
