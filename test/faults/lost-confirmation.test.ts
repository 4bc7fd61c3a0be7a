import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { Gathered } from '../run-audit.ts'
import { auditGathered } from './_audit-result.ts'
import { addRow, count, share } from './_fault-row.ts'
import { RUNS } from './_run-counts.ts'

type Headers = Record<string, string>

/**
 * The steps of sender and worker. The sender sends a message that the broker confirms, accepts without a confirmation
 * (`lost`) or rejects, or it responds. The worker processes a message or fails.
 */
const STEPS = ['sent', 'lost', 'rejected', 'responds', 'works', 'works', 'fails'] as const

test('a lost confirmation makes no line invalid and no ended request stuck', async (context) => {
  let [lost, requests, ended] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), async (steps) => {
      const gathered = new Gathered()
      const sinks = [{ write: (record: LifecycleRecord) => gathered.record(record) }]
      const gateway = createTracker({ service: 'gateway', logger: false, sinks })
      const worker = createTracker({ service: 'worker', logger: false, sinks })
      const work = worker.trackRequest(
        (_headers: Headers, fails: boolean) =>
          fails ? Promise.reject(new Error('failed on purpose')) : Promise.resolve(),
        { carrier: (headers) => headers },
      )
      const queue: Headers[] = []
      let [hasEnded, isEnqueued] = [false, false]
      const request = gateway.start()
      request.authenticated()
      request.processing()
      // The worker processes what is left in the queue.
      for (const step of [...steps, ...STEPS.filter((one) => one === 'works')]) {
        if (step === 'responds') {
          request.responded({ status: 503 })
          hasEnded ||= !isEnqueued
        } else if (step === 'works' || step === 'fails') {
          const message = queue.shift()
          if (message === undefined) continue
          hasEnded ||= 'x-lifecycle' in message
          await work(message, step === 'fails').catch(() => undefined)
        } else {
          const send = (headers: Headers): void => {
            if (step !== 'rejected') queue.push(headers)
            if (step !== 'sent') throw new Error('no confirmation')
          }
          const confirmed = await request.enqueue(send).then(
            () => true,
            () => false,
          )
          isEnqueued ||= confirmed
          if (step === 'lost') lost += 1
        }
      }
      const { report } = auditGathered(gathered)
      expect(report.invalid).toEqual([])
      if (hasEnded) expect(report.stuck.filter(({ request_id }) => request_id === request.requestId)).toEqual([])
      if (hasEnded) ended += 1
      requests += 1
    }),
    { numRuns: RUNS.inProcessRuns },
  )
  expect(lost).toBeGreaterThan(0)
  expect(ended).toBeGreaterThan(0)
  addRow(context, {
    fault: 'a broker that accepts a message and whose confirmation is lost',
    tried: `${count(lost)} messages of ${count(requests)} requests`,
    lost: `${share(0, requests)} requests reported wrongly`,
  })
})
