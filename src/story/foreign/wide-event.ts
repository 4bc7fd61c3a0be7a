import { loggedPath } from '../../record/truncate.ts'
import { firstOf } from './field.ts'
import { WIDE_EVENT_FIELD_NAMES } from './field-names.ts'
import { readMessage, readName } from './values.ts'

/**
 * Builds a message for a line without one: its request (`GET /orders/7 500`) or its event name, then its error.
 *
 * @returns an empty string if the line has none of these
 */
export function wideMessage(fields: object): string {
  const method = firstOf(fields, WIDE_EVENT_FIELD_NAMES.method, readName)
  const path = firstOf(fields, WIDE_EVENT_FIELD_NAMES.path, readMessage)
  const status = firstOf(fields, WIDE_EVENT_FIELD_NAMES.status, readStatus)
  const error = firstOf(fields, WIDE_EVENT_FIELD_NAMES.error, readMessage)
  // A status without method or path may belong to anything, so it is left out.
  const target = [method, path === undefined ? undefined : loggedPath(path)].filter((part) => part !== undefined)
  const summary =
    target.length > 0
      ? [...target, ...(status === undefined ? [] : [status])].join(' ')
      : firstOf(fields, WIDE_EVENT_FIELD_NAMES.event, readName)
  return [summary, error].filter((part) => part !== undefined).join(': ')
}

function readStatus(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : readName(value)
}
