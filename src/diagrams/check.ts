/**
 * Checks whether a document contains a diagram: in a fenced block of Markdown, or as its whole text.
 *
 * Trailing white space, the kind of line ends, blank lines around the diagram, a byte order mark and the indent of the
 * fence are ignored.
 *
 * @param language the word after the fence
 * @example containsDiagram(readFileSync('docs/lifecycle.md', 'utf8'), mermaid(graph))
 */
export function containsDiagram(fileText: string, diagramText: string, language = 'mermaid'): boolean {
  const lines = linesOf(fileText)
  const diagram = normalize(linesOf(diagramText))
  return normalize(lines) === diagram || fencedBlocks(lines, language).some((block) => normalize(block) === diagram)
}

function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n?|\n/)
}

function normalize(lines: readonly string[]): string {
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/^\n+|\n+$/g, '')
}

/** The fenced blocks of one language. A fence inside a longer fence is an example, not a diagram. */
function fencedBlocks(lines: readonly string[], language: string): string[][] {
  const blocks: string[][] = []
  let open: { fence: string; indent: number; lines: string[]; matches: boolean } | undefined
  for (const line of lines) {
    if (open === undefined) {
      const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/.exec(line) ?? []
      if (fence !== undefined)
        open = { fence, indent: indent.length, lines: [], matches: info.trim().split(/[\s{]/)[0] === language }
    } else if (closes(line.trim(), open.fence)) {
      if (open.matches) blocks.push(open.lines)
      open = undefined
    } else {
      open.lines.push(line.slice(Math.min(open.indent, line.search(/\S|$/))))
    }
  }
  return blocks
}

function closes(line: string, fence: string): boolean {
  return line.length >= fence.length && line === fence.charAt(0).repeat(line.length)
}
