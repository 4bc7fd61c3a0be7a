/** The forms in which a program may pass the same lines, as an iterable and as an async iterable. */
export function formsOf(
  log: string,
): readonly (readonly [name: string, lines: AsyncIterable<string | object> | Iterable<string | object>])[] {
  const texts = log.split('\n').slice(0, -1)
  const parsed = texts.map((text): string | object => jsonObject(text) ?? text)
  const bytes = Buffer.from(log)
  const chunks = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) =>
    bytes.subarray(index * 100, index * 100 + 100),
  )
  return [
    ['strings', texts],
    ['strings, asynchronously', oneByOne(texts)],
    ['parsed lines', parsed],
    ['parsed lines, asynchronously', oneByOne(parsed)],
    [
      'strings and parsed lines in turn',
      texts.map((text, index) => (index % 2 === 0 ? text : (parsed[index] ?? text))),
    ],
    ['bytes', [bytes]],
    ['bytes in chunks', oneByOne(chunks)],
    ['bytes that are not a Buffer', oneByOne([new Uint8Array(bytes)])],
  ]
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

function jsonObject(text: string): object | undefined {
  if (!text.startsWith('{"')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // A program cannot parse a torn line.
    return undefined
  }
}
