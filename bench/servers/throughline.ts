import { trackRequest } from 'throughline'
import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

// The defaults: lines go to standard output, which is redirected to a file.
serve(trackRequest(handler, { service: 'shop' }))
