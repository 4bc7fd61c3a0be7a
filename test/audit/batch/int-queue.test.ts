import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IntQueue } from '../../../src/audit/batch/int-queue.ts'

test('a queue returns values in the order in which they were pushed', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 6_000, size: 'max' }), (pushes) => {
      const queue = new IntQueue()
      const model: number[] = []
      for (const [value, isPush] of pushes.entries()) {
        if (isPush || value % 3 === 0) {
          queue.push(value)
          model.push(value)
        } else if (model.length > 0) expect(queue.shift()).toBe(model.shift())
        expect(queue.size).toBe(model.length)
      }
    }),
    { numRuns: 20 },
  )
})
