// Writes the source that is derived from the table of fields: `npm run generate`.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FIELDS } from '../src/record/record.ts'
import { renderWriters, WRITERS_FILE } from './render-writers.ts'

writeFileSync(join(import.meta.dirname, '..', WRITERS_FILE), await renderWriters(FIELDS))
