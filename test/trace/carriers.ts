import type { Carrier } from '../../src/trace/carrier.ts'

/** Every kind of carrier with the same names and values; undefined if a kind cannot hold these values. */
export const CARRIERS: readonly (readonly [
  kind: string,
  make: (pairs: Readonly<Record<string, string>>) => Carrier,
])[] = [
  ['a plain object', (pairs) => pairs],
  ['an object without a prototype', (pairs) => Object.assign(Object.create(null) as object, pairs)],
  ['keys in mixed case', (pairs) => renamed(pairs, (name) => name.replace(/(^|-)./g, (start) => start.toUpperCase()))],
  ['keys in upper case', (pairs) => renamed(pairs, (name) => name.toUpperCase())],
  ['Headers', headers],
  ['a Map', (pairs) => new Map(Object.entries(pairs))],
  ['Buffers', (pairs) => mapped(pairs, (value) => Buffer.from(value, 'latin1'))],
  ['Uint8Arrays', (pairs) => mapped(pairs, (value) => new Uint8Array(Buffer.from(value, 'latin1')))],
  ['arrays of one', (pairs) => mapped(pairs, (value) => [value])],
  [
    'arrays of one, keys in upper case',
    (pairs) =>
      mapped(
        renamed(pairs, (name) => name.toUpperCase()),
        (value) => [value],
      ),
  ],
  [
    'a Map of Buffers in arrays',
    (pairs) => new Map(Object.entries(mapped(pairs, (value) => [Buffer.from(value, 'latin1')]))),
  ],
  ["metadata like gRPC's", (pairs) => ({ get: (name: string) => (Object.hasOwn(pairs, name) ? [pairs[name]] : []) })],
]

/** Carriers in which a header was sent twice. */
export const DOUBLED: readonly (readonly [
  kind: string,
  make: (name: string, values: readonly [string, string]) => Carrier,
])[] = [
  [
    'one joined value, as in node:http and Headers',
    (name, values) => new Headers(values.map((value): [string, string] => [name, value])),
  ],
  ['an array', (name, values) => ({ [name]: values })],
  [
    'two keys in different case',
    (name, [one, other]) => ({
      [name.toUpperCase()]: one,
      [name.replace(/^./, (start) => start.toUpperCase())]: other,
    }),
  ],
  ['metadata', (name, values) => ({ get: (asked: string) => (asked === name ? values : []) })],
]

function headers(pairs: Readonly<Record<string, string>>): Carrier {
  try {
    return new Headers(pairs)
  } catch {
    return undefined
  }
}

function renamed(pairs: Readonly<Record<string, string>>, name: (old: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([old, value]) => [name(old), value]))
}

function mapped<T>(pairs: Readonly<Record<string, string>>, value: (old: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(pairs).map(([name, old]) => [name, value(old)]))
}
