/**
 * Tells whether a document still holds a diagram: in a fenced block of Markdown, or as the whole of its text.
 *
 * White space at the ends of lines, the form of the line ends, blank lines round the diagram, a byte order mark and the
 * indent of the fence itself do not count.
 *
 * @param language - the word that follows the fence
 * @example holdsDiagram(readFileSync('docs/lifecycle.md', 'utf8'), mermaid(graph))
 */
export function holdsDiagram(fileText: string, diagramText: string, language = 'mermaid'): boolean {
  const lines = linesOf(fileText)
  const wanted = tidy(linesOf(diagramText))
  return tidy(lines) === wanted || fencedBlocks(lines, language).some((block) => tidy(block) === wanted)
}

function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, '').split(/\r\n?|\n/)
}

function tidy(lines: readonly string[]): string {
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/^\n+|\n+$/g, '')
}

/** The blocks of one language; a fence shown inside a longer fence is an example, not a diagram. */
function fencedBlocks(lines: readonly string[], language: string): string[][] {
  const blocks: string[][] = []
  let open: { fence: string; indent: number; lines: string[]; wanted: boolean } | undefined
  for (const line of lines) {
    if (open === undefined) {
      const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/.exec(line) ?? []
      if (fence !== undefined)
        open = { fence, indent: indent.length, lines: [], wanted: info.trim().split(/[\s{]/)[0] === language }
    } else if (closes(line.trim(), open.fence)) {
      if (open.wanted) blocks.push(open.lines)
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
