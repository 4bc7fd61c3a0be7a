import { text } from 'node:stream/consumers'

/** Sizes in pixels. Most monospace fonts are 0.6 times as wide as they are high. */
const FONT_SIZE = 14
const COLUMN_WIDTH = FONT_SIZE * 0.6
const LINE_HEIGHT = 20
const PADDING = 20
const TITLE_BAR = 28

const BACKGROUND = '#0d1117'
const FOREGROUND = '#d0d7de'
/** The eight ANSI colours, in the order of their codes: 30 to 37, and 90 to 97 for the bright ones. */
const COLOURS = ['#6e7681', '#ff7b72', '#7ee787', '#e3b341', '#79c0ff', '#d2a8ff', '#76e3ea', '#ffffff']
const BUTTONS = ['#ff5f57', '#febc2e', '#28c840']

/** A piece of a line in one colour. */
interface Run {
  readonly column: number
  readonly text: string
  readonly colour: string
}

process.stdout.write(svg(linesOf(await text(process.stdin))))

/** The lines of a terminal's output, without carriage returns and without empty lines at either end. */
function linesOf(output: string): string[] {
  return output.replaceAll('\r', '').replace(/^\n+/, '').trimEnd().split('\n')
}

/** Draws lines of text with ANSI colour codes as a picture of a terminal that is wide enough for the longest. */
function svg(lines: readonly string[]): string {
  const runs = lines.map(runsOf)
  const columns = Math.max(...runs.flat().map((run) => run.column + run.text.length))
  const width = Math.ceil(columns * COLUMN_WIDTH) + 2 * PADDING
  const height = TITLE_BAR + lines.length * LINE_HEIGHT + PADDING
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escapeXml(runs[0]?.map((run) => run.text).join('') ?? '')}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    ...BUTTONS.map((colour, index) => `<circle cx="${PADDING + index * 18}" cy="16" r="5" fill="${colour}"/>`),
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}">`,
    ...runs.flatMap((line, index) => line.flatMap((run) => wordsOf(run, TITLE_BAR + (index + 0.8) * LINE_HEIGHT))),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** Splits a line at its ANSI codes. Colours end with the line; codes other than colours are dropped. */
function runsOf(line: string): Run[] {
  const [plain = '', ...coded] = line.split('\u001b[')
  const runs: Run[] = [{ column: 0, text: plain, colour: FOREGROUND }]
  let column = plain.length
  let colour = FOREGROUND
  for (const part of coded) {
    const [, codes = '', kind, text = ''] = /^([\d;?]*)([A-Za-z]?)(.*)$/.exec(part) ?? []
    if (kind === 'm') for (const code of codes.split(';')) colour = colourAfter(Number(code), colour)
    runs.push({ column, text, colour })
    column += text.length
  }
  return runs
}

function colourAfter(code: number, colour: string): string {
  if (code === 0 || code === 39) return FOREGROUND
  const isColour = (code >= 30 && code <= 37) || (code >= 90 && code <= 97)
  return (isColour ? COLOURS[code % 10] : undefined) ?? colour
}

/** Places each cell of a table by itself: columns then line up in any font, and no blanks have to be kept. */
function wordsOf({ column, text, colour }: Run, y: number): string[] {
  return [...text.matchAll(/\S+(?: \S+)*/g)].map((words) => {
    const x = PADDING + (column + words.index) * COLUMN_WIDTH
    return `<text x="${x.toFixed(1)}" y="${y}" fill="${colour}">${escapeXml(words[0])}</text>`
  })
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
