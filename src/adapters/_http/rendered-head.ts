import type { HeaderChanges } from '../_header-changes.ts'
import { isObject, type UnknownObject } from '../_objects.ts'

/** The head of a request that Node has rendered, but not sent. */
export interface RenderedHead {
  /** The values of a header, by its name in lower case; undefined if there are none. */
  readonly own: (name: string) => readonly string[] | undefined
  readonly change: (changes: HeaderChanges) => void
}

/**
 * The head of a request whose headers are an array, or which has `Expect`: Node renders it before it asks the agent,
 * and then has no method to change it. With `Expect` it is also the first of the data that wait for the socket.
 *
 * @returns undefined if Node's members are not as expected: then the head stays as it is
 */
export function renderedHead(outgoing: object): RenderedHead | undefined {
  // Node's own members, whatever their types.
  const { _header: head, _headerSent: queued, outputData } = outgoing as UnknownObject
  if (typeof head !== 'string' || !head.endsWith('\r\n\r\n')) return undefined
  const first: unknown = Array.isArray(outputData) ? outputData[0] : undefined
  if (queued === true && !(isObject(first) && first.data === head)) return undefined
  const [start = '', ...lines] = head.slice(0, -4).split('\r\n')
  const nameIn = (line: string): string => line.slice(0, line.indexOf(':')).toLowerCase()
  return {
    own(name) {
      const values = lines
        .filter((line) => nameIn(line) === name)
        .map((line) => line.slice(line.indexOf(':') + 1).trim())
      return values.length === 0 ? undefined : values
    },
    change({ headers, dropped }) {
      const gone = new Set([...dropped, ...headers.map(([name]) => name)])
      const kept = lines.filter((line) => !gone.has(nameIn(line)))
      const changed = [start, ...kept, ...headers.map(([name, value]) => `${name}: ${value}`), '\r\n'].join('\r\n')
      Reflect.set(outgoing, '_header', changed)
      if (queued === true && isObject(first)) Reflect.set(first, 'data', changed)
    },
  }
}
