import { trackRequest } from 'throughline'
import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

// Its own defaults: lines go to standard output, which is a file here.
serve(trackRequest(handler, { service: 'shop' }))
