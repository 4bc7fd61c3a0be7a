import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { root } from './sources.ts'

// ajv validates the schema itself.
const schema = JSON.parse(readFileSync(join(root, 'docs/schema/lifecycle-line.schema.json'), 'utf8')) as object
const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true }).compile(
  schema,
)

/** The errors of a line against the published schema, or undefined if it is valid. */
export function schemaErrors(line: unknown): string | undefined {
  if (validate(line)) return undefined
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`).join(', ')
}
