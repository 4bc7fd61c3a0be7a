import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { containsDiagram } from '../../src/diagrams/check.ts'
import { graphOf } from '../../src/diagrams/graph.ts'
import { mermaid } from '../../src/diagrams/mermaid.ts'
import { compile } from '../../src/machine/compile.ts'

const diagram = mermaid(graphOf(compile(requestMachine)))
const page = `# Lifecycle\n\n\`\`\`ts\nconst a = 1\n\`\`\`\n\n\`\`\`mermaid\n${diagram}\`\`\`\n\nMore.\n`

test.each([
  ['a fence', page],
  ['CRLF', page.replaceAll('\n', '\r\n')],
  ['trailing white space', page.replaceAll('\n', ' \t\n')],
  ['a byte order mark', `\ufeff${diagram}`],
  ['blank lines around the diagram', page.replace('stateDiagram-v2', '\nstateDiagram-v2')],
  ['tildes, and an attribute after the language', `~~~~ mermaid title="x"\n${diagram}~~~~`],
  [
    'a fence in a list',
    `- see\n\n${page
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n')}`,
  ],
  ['another diagram before it', `\`\`\`mermaid\npie\n\`\`\`\n${page}`],
  ['the diagram alone', diagram],
  ['the diagram alone, CRLF', diagram.replaceAll('\n', '\r\n').trimEnd()],
])('containsDiagram is true for %s', (_, file) => {
  expect(containsDiagram(file, diagram)).toBe(true)
})

test.each([
  ['an empty file', ''],
  ['another label', page.replace('auth ok', 'auth okay')],
  ['an additional line', page.replace('Failed --> [*]', 'Failed --> [*]\n    Queued --> Failed')],
  ['a missing line', page.replace('    Failed --> [*]\n', '')],
  ['another indent', page.replaceAll('    ', '  ')],
  ['another language', page.replace('```mermaid', '```text')],
  ['an unclosed fence', page.slice(0, page.lastIndexOf('```'))],
  ['a fence inside a longer fence', `\`\`\`\`md\n${page}\n\`\`\`\``],
  ['the diagram unfenced in prose', `See:\n${diagram}`],
])('containsDiagram is false for %s', (_, file) => {
  expect(containsDiagram(file, diagram)).toBe(false)
})

test('containsDiagram finds another language by its fence', () => {
  expect(containsDiagram('```dot\ndigraph {}\n```', 'digraph {}\n', 'dot')).toBe(true)
})
