import { loggedPath } from '../../record/truncate.ts'
import { firstOf } from './field.ts'
import { WIDE_NAMES } from './field-names.ts'
import { messageIn, nameIn } from './values.ts'

/**
 * A message for a line without one: the request that it tells of (`GET /orders/7 500`), else the name of its event, and
 * the error that it holds.
 *
 * @returns an empty text where it has none of these
 */
export function wideMessage(fields: object): string {
  const method = firstOf(fields, WIDE_NAMES.method, nameIn)
  const path = firstOf(fields, WIDE_NAMES.path, messageIn)
  const status = firstOf(fields, WIDE_NAMES.status, statusIn)
  const error = firstOf(fields, WIDE_NAMES.error, messageIn)
  // A status alone tells of no request: other things have one too.
  const asked = [method, path === undefined ? undefined : loggedPath(path)].filter((part) => part !== undefined)
  const what =
    asked.length > 0
      ? [...asked, ...(status === undefined ? [] : [status])].join(' ')
      : firstOf(fields, WIDE_NAMES.event, nameIn)
  return [what, error].filter((part) => part !== undefined).join(': ')
}

function statusIn(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : nameIn(value)
}
