import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

serve(handler)
