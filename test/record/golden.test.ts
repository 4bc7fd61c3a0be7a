import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FdWriter } from '../../src/sinks/fd-writer.ts'
import { stdoutSink } from '../../src/sinks/stdout.ts'
import { readRecord } from '../../src/record/line.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { trackerFixture } from '../tracker-fixture.ts'
import { dispatch } from '../../src/tracking/signals.ts'

const golden = readFileSync(new URL('golden.ndjson', import.meta.url), 'utf8')

/** The records of requests that write every kind of line and every field. */
async function writeRequests(): Promise<LifecycleRecord[]> {
  let request = 0xb7ad6b7169203330n
  const { tracker, records, clock } = trackerFixture({
    service: 'gateway',
    newTraceId: () => '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071',
    newRequestId: () => (++request).toString(16),
  })
  const wait = (ms: number): void => void (clock.time += ms)
  const ok = tracker.start({ 'x-trace-id': 'no good' }, { method: 'GET', path: '/orders/7?token=hush' })
  wait(1)
  dispatch(ok, 'AUTH_OK', { implied: true })
  ok.note('CACHE_MISS', { key: 'ünïcode "quoted"' })
  wait(10)
  ok.send('COMPLETE')
  ok.send('PROCESS', { step: 1 })
  dispatch(ok, 'RESPOND', { status: 200 })
  tracker.start(ok.headers(), { method: 'POST', path: '/orders' }).failed('bad token')
  const failing = tracker.start(ok.headers())
  const children = [failing.headers(), failing.headers()]
  expect(children[1]).toEqual(children[0])
  failing.finish({ outcome: 'error', status: 500, error: new TypeError('broken\nin two') })
  const queued = tracker.start(ok.headers())
  queued.headers()
  const carrier = await queued.enqueue((headers) => headers)
  wait(500)
  const resumed = tracker.resume(carrier, { attempt: 2 })
  resumed.emitNote('stuck', 'STUCK', {})
  resumed.completed()
  const waiting = tracker.start(ok.headers())
  waiting.expect('2h')
  await waiting.enqueue(() => 'sent', { due: clock.time + 60_000 })
  return records
}

test('the default sink writes these lines byte for byte, and the reader returns their records', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'out.ndjson')
  const sink = stdoutSink(
    'gateway',
    'line',
    (error) => expect.unreachable(String(error)),
    new FdWriter(openSync(file, 'a')),
  )
  const records = await writeRequests()
  for (const record of records) sink.write(record)
  expect(readFileSync(file, 'utf8')).toBe(golden)
  const lines = golden.trim().split('\n')
  expect(lines.map((line) => readRecord(JSON.parse(line)))).toEqual(records)
})
