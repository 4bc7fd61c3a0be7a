/** The forms in which a program may hand over the same lines, each in pieces as they come and all at once. */
export function formsOf(
  log: string,
): readonly (readonly [name: string, lines: AsyncIterable<string | object> | Iterable<string | object>])[] {
  const texts = log.split('\n').slice(0, -1)
  const parsed = texts.map((text): string | object => jsonObject(text) ?? text)
  const bytes = Buffer.from(log)
  const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) =>
    bytes.subarray(index * 100, index * 100 + 100),
  )
  return [
    ['texts of lines', texts],
    ['texts of lines that come one by one', coming(texts)],
    ['parsed lines', parsed],
    ['parsed lines that come one by one', coming(parsed)],
    ['texts and parsed lines in turn', texts.map((text, index) => (index % 2 === 0 ? text : (parsed[index] ?? text)))],
    ['bytes', [bytes]],
    ['bytes that come in pieces', coming(pieces)],
    ['bytes that are no Buffer', coming([new Uint8Array(bytes)])],
  ]
}

async function* coming<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

function jsonObject(text: string): object | undefined {
  if (!text.startsWith('{"')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // A torn line is nothing that a program could have parsed.
    return undefined
  }
}
