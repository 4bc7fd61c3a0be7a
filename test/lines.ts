import { Writable } from 'node:stream'

/** A stream that collects the lines written to it. */
export function linesStream(): { stream: Writable; lines: string[] } {
  const lines: string[] = []
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      lines.push(...chunk.split('\n').filter((line) => line !== ''))
      done()
    },
  })
  return { stream, lines }
}

/** The top-level keys of a JSON line in order, with duplicates, which JSON.parse would hide. */
export function keysOf(line: string): string[] {
  const keys: string[] = []
  let depth = 0
  for (const [token] of line.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    else if (depth === 1 && token.endsWith(':')) keys.push(String(JSON.parse(token.slice(0, -1))))
  }
  return keys
}
