import { createTracker } from 'throughline'
import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

const options = { service: 'shop', durability: 'line' } as const

serve(createTracker(options).trackRequest(handler))
