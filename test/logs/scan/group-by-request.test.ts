import { expect, test } from 'vitest'
import { BatchWriter } from '../../../src/logs/scan/batch-writer.ts'
import { RequestGrouper } from '../../../src/logs/scan/group-by-request.ts'
import { SYNC, transition, transitions } from '../../sample-log.ts'

test('records are grouped by their ids alone, and keep their order and their extras', () => {
  const writer = new BatchWriter()
  const [first, second, third] = transitions(SYNC)
  const error = { type: 'Error', message: 'boom' }
  const records = [
    first,
    transition({ request_id: 'b7ad6b7169203332' }),
    // Of one request, whatever flags and extras its records have.
    second && { ...second, implied: true as const },
    third && { ...third, attempt: 1, error },
    // The hash of another id may be the bits of a UUID.
    transition({ trace_id: 'abc-123' }),
  ]
  for (const [line, record] of records.entries()) if (record !== undefined) writer.add(record, line)
  const { batch, extras } = new RequestGrouper().group(writer.batch, writer.drain().extras)
  expect([...batch.groups.slice(0, batch.groupCount)]).toEqual([3, 1, 1])
  expect(extras).toEqual([
    { at: 2, fields: { error } },
    { at: 4, traceId: 'abc-123' },
  ])
})
