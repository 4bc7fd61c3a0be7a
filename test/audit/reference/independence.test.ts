import { expect, test } from 'vitest'
import { filesIn, importsOf } from '../../sources.ts'

const FOLDER = 'test/audit/reference/'
const modules = filesIn(FOLDER).filter((file) => !file.endsWith('.test.ts'))

test('the reference imports no code of the library, only the type of its report', () => {
  const imports = modules.flatMap(importsOf)
  expect(imports).not.toEqual([])
  const outside = imports.filter(({ target }) => !target.startsWith(FOLDER))
  expect(outside.filter(({ typeOnly }) => !typeOnly)).toEqual([])
  expect(new Set(outside.map(({ target }) => target))).toEqual(new Set(['src/audit/report.ts']))
})
