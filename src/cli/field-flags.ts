import { ThroughlineError } from '../errors.ts'
import { FIELD_ROLES, type FieldNames, type Role } from '../story/foreign/field-names.ts'

const MAX_LENGTH = 256

/**
 * Reads the `--field` flags of `throughline story`: `trace_id=correlationId` says where other loggers put the trace id.
 * A role that is given several times has several names, of which the first that fits is taken.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE for an unknown role, or without a name
 * @example fieldNames(['trace_id=correlationId', 'service=app.label']) // { trace_id: ['correlationId'], service: ['app.label'] }
 */
export function fieldNames(flags: readonly string[] | undefined): FieldNames {
  const names: Partial<Record<Role, readonly string[]>> = {}
  for (const flag of flags ?? []) {
    const equals = flag.indexOf('=')
    const given = equals === -1 ? flag : flag.slice(0, equals)
    const role = FIELD_ROLES.find((known) => known === given)
    const name = equals === -1 ? '' : flag.slice(equals + 1)
    if (role === undefined) throw bad(flag, `"${given}" is none of ${FIELD_ROLES.join(', ')}`)
    if (name === '' || name.length > MAX_LENGTH)
      throw bad(flag, `the field's name must have 1 to ${String(MAX_LENGTH)} characters`)
    names[role] = [...(names[role] ?? []), name]
  }
  return names
}

function bad(flag: string, reason: string): ThroughlineError {
  return new ThroughlineError(
    'THROUGHLINE_USAGE',
    `--field ${flag}: ${reason}; write --field trace_id=correlationId, or a dotted name as in --field service=app.label`,
  )
}
