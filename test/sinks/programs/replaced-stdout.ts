/**
 * Replaces `process.stdout.write` as a process manager does, and reports on stderr what each call of it got. The argument
 * says what the replacement does besides.
 */
import { createTracker } from '../../../src/handlers/track-request.ts'

const [kind = ''] = process.argv.slice(2)
const calls: string[] = []
const { stdout } = process
const tracker = createTracker({ service: 'shop', durability: 'line' })

// Replaced only after the tracker was created, and for one request of three.
tracker.start({}, { path: '/before' })
if (kind === 'full') Object.defineProperty(stdout, 'writableLength', { value: 1 << 25, configurable: true })
stdout.write = ((text: string, _encoding: string, done: (error?: Error) => void) => {
  if (kind === 'throws') throw new Error('no more disk')
  calls.push(text)
  done(...(kind === 'fails' ? [new Error('no more disk')] : []))
  return true
}) as typeof stdout.write
console.log('hello')
tracker.start({}, { path: '/meanwhile' }).responded()
Reflect.deleteProperty(stdout, 'write')
tracker.start({}, { path: '/after' })
process.stderr.write(JSON.stringify({ calls, faults: tracker.stats.faults }))
