import { expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { holdsDiagram } from '../../src/diagrams/check.ts'
import { graphOf } from '../../src/diagrams/graph.ts'
import { mermaid } from '../../src/diagrams/mermaid.ts'
import { compile } from '../../src/machine/compile.ts'

const diagram = mermaid(graphOf(compile(requestMachine)))
const page = `# Lifecycle\n\n\`\`\`ts\nconst a = 1\n\`\`\`\n\n\`\`\`mermaid\n${diagram}\`\`\`\n\nMore.\n`

test.each([
  ['a fence', page],
  ['CRLF', page.replaceAll('\n', '\r\n')],
  ['blanks at line ends', page.replaceAll('\n', ' \t\n')],
  ['a byte order mark', `\ufeff${diagram}`],
  ['blank lines round it', page.replace('stateDiagram-v2', '\nstateDiagram-v2')],
  ['tildes, and words after the language', `~~~~ mermaid title="x"\n${diagram}~~~~`],
  [
    'a fence in a list',
    `- see\n\n${page
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n')}`,
  ],
  ['a second diagram', `\`\`\`mermaid\npie\n\`\`\`\n${page}`],
  ['the diagram alone', diagram],
  ['the diagram alone, CRLF', diagram.replaceAll('\n', '\r\n').trimEnd()],
])('%s holds it', (_, file) => {
  expect(holdsDiagram(file, diagram)).toBe(true)
})

test.each([
  ['an empty file', ''],
  ['another label', page.replace('auth ok', 'auth okay')],
  ['one line more', page.replace('Failed --> [*]', 'Failed --> [*]\n    Queued --> Failed')],
  ['one line less', page.replace('    Failed --> [*]\n', '')],
  ['another indent', page.replaceAll('    ', '  ')],
  ['another language', page.replace('```mermaid', '```text')],
  ['a fence that is never closed', page.slice(0, page.lastIndexOf('```'))],
  ['an example in a longer fence', `\`\`\`\`md\n${page}\n\`\`\`\``],
  ['the diagram among prose', `See:\n${diagram}`],
])('%s does not', (_, file) => {
  expect(holdsDiagram(file, diagram)).toBe(false)
})

test('another format has its own fence', () => {
  expect(holdsDiagram('```dot\ndigraph {}\n```', 'digraph {}\n', 'dot')).toBe(true)
})
