import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { root } from './sources.ts'

// ajv's own type for a schema; that it is one, ajv checks.
const schema = JSON.parse(readFileSync(join(root, 'docs/schema/lifecycle-line.schema.json'), 'utf8')) as object
const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true }).compile(
  schema,
)

/** What the published schema has against a line; undefined where it is valid. */
export function faultOf(line: unknown): string | undefined {
  if (validate(line)) return undefined
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`).join(', ')
}
