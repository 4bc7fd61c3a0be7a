import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { Gathered } from '../run-audit.ts'
import { BUDGET } from './_budget.ts'
import { verdictOn } from './_audit-result.ts'
import { count, share, tell } from './_server-stats.ts'

type Headers = Record<string, string>

/** What sender, broker and worker do in turn: of `lost` the broker has the message, and its answer does not arrive. */
const STEPS = ['sent', 'lost', 'refused', 'answers', 'works', 'works', 'fails'] as const

test('a broker whose answers are lost makes no line invalid, and nothing that has ended stuck', async (context) => {
  let [lost, requests] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), async (steps) => {
      const gathered = new Gathered()
      const sinks = [{ write: (record: LifecycleRecord) => gathered.record(record) }]
      const gateway = createTracker({ service: 'gateway', logger: false, sinks })
      const worker = createTracker({ service: 'worker', logger: false, sinks })
      const work = worker.trackRequest(
        (_headers: Headers, fails: boolean) => (fails ? Promise.reject(new Error('no luck')) : Promise.resolve()),
        { carrier: (headers) => headers },
      )
      const queue: Headers[] = []
      let [over, handed] = [false, false]
      const request = gateway.start()
      request.authenticated()
      request.processing()
      for (const step of [...steps, ...STEPS.filter((one) => one === 'works')]) {
        if (step === 'answers') {
          request.responded({ status: 503 })
          over ||= !handed
        } else if (step === 'works' || step === 'fails') {
          const message = queue.shift()
          if (message === undefined) continue
          over ||= 'x-lifecycle' in message
          await work(message, step === 'fails').catch(() => undefined)
        } else {
          const answer = new Error('no answer of the broker within five seconds')
          const send = (headers: Headers): void => {
            if (step !== 'refused') queue.push(headers)
            if (step !== 'sent') throw answer
          }
          handed =
            (await request.enqueue(send).then(
              () => true,
              () => handed,
            )) || handed
          if (step === 'lost') lost += 1
        }
      }
      const { report } = verdictOn(gathered)
      expect(report.invalid).toEqual([])
      if (over) expect(report.stuck.filter(({ request_id }) => request_id === request.requestId)).toEqual([])
      requests += 1
    }),
    { numRuns: BUDGET.clocks },
  )
  tell(context, {
    fault: 'a broker that takes a message, and whose answer is lost',
    tried: `${count(lost)} messages of ${count(requests)} requests`,
    lost: `${share(0, requests)} judged wrongly`,
  })
})
