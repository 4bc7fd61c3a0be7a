import { ThroughlineError } from '../errors.ts'
import { FIELD_ROLES, type FieldNames, type Role } from '../story/foreign/field-names.ts'

const MAX_NAME_LENGTH = 256

/**
 * Parses the `--field` flags of `throughline story`. `trace_id=correlationId` names the field in which other loggers
 * have the trace id. A role may be repeated; then the first field with a usable value counts.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE for an unknown role or a missing name
 * @example fieldNames(['trace_id=correlationId', 'service=app.label'])
 * // { trace_id: ['correlationId'], service: ['app.label'] }
 */
export function fieldNames(flags: readonly string[] | undefined): FieldNames {
  const names: Partial<Record<Role, readonly string[]>> = {}
  for (const flag of flags ?? []) {
    const equals = flag.indexOf('=')
    const given = equals === -1 ? flag : flag.slice(0, equals)
    const role = FIELD_ROLES.find((known) => known === given)
    const name = equals === -1 ? '' : flag.slice(equals + 1)
    if (role === undefined) throw invalid(flag, `"${given}" is not one of ${FIELD_ROLES.join(', ')}`)
    if (name === '' || name.length > MAX_NAME_LENGTH)
      throw invalid(flag, `the field name must have 1 to ${MAX_NAME_LENGTH} characters`)
    names[role] = [...(names[role] ?? []), name]
  }
  return names
}

function invalid(flag: string, reason: string): ThroughlineError {
  return new ThroughlineError(
    'THROUGHLINE_USAGE',
    `--field ${flag}: ${reason}; write --field trace_id=correlationId, or a dotted name: --field service=app.label`,
  )
}
