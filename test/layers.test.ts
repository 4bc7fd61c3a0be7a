import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HOSTS } from './hosts.ts'
import { LAYERS, type Layer } from './layers.ts'
import { filesIn, importsOf, root, type Import } from './sources.ts'

const files = filesIn('src', 'machines')
const imports = files.flatMap(importsOf)

describe('layers', () => {
  it.each(files)('%s belongs to exactly one layer', (file) => {
    expect(LAYERS.filter(({ path }) => file.startsWith(path))).toHaveLength(1)
  })

  it.each(LAYERS)('$path imports only what it may: $because', (layer) => {
    expect(outgoing(layer).filter(({ file, target }) => !isAllowed(layer, file, target))).toEqual([])
  })

  it.each(LAYERS)('$path uses every allowance that it has', (layer) => {
    const targets = outgoing(layer).map(({ target }) => target)
    const unused = [...layer.own, ...layer.packages].filter(
      (allowed) => !targets.some((target) => covers(allowed, target)),
    )
    expect(unused).toEqual([])
  })

  it('an adapter imports its own host, and only where its row says so', () => {
    const unused = HOSTS.filter(
      ({ subpath, imports: own }) =>
        own !== undefined && !imports.some(({ file, target }) => isPartOf(subpath, file) && own.test(target)),
    )
    expect(unused).toEqual([])
  })

  it('nobody imports the command', () => {
    const broken = imports.filter(({ file, target }) => target.startsWith('src/cli/') && !file.startsWith('src/cli/'))
    expect(broken).toEqual([])
  })

  it('an adapter is short: a manifest and some glue', () => {
    const lengths = filesIn('src/adapters').map((file): [string, number] => [file, lineCount(file)])
    expect(lengths.filter(([file, count]) => count > (file.includes('/_') ? 150 : 100))).toEqual([])
  })

  it('the diagram formats do not import each other', () => {
    const formats = ['mermaid', 'dot', 'json', 'svg'].map((name) => `src/diagrams/${name}.ts`)
    expect(imports.filter(({ file, target }) => formats.includes(file) && formats.includes(target))).toEqual([])
  })

  it('there are no circular imports, type imports included', () => {
    expect(findCircle(imports)).toBeUndefined()
  })
})

/** The imports of a layer that leave it; between adapters there are none that stay inside. */
function outgoing({ path }: Layer): Import[] {
  const staysInside = (target: string): boolean => target.startsWith(path) && path !== 'src/adapters/'
  return imports.filter(({ file, target }) => file.startsWith(path) && !staysInside(target))
}

function isAllowed({ own, packages }: Layer, file: string, target: string): boolean {
  if ([...own, ...packages].some((allowed) => covers(allowed, target))) return true
  return HOSTS.some(({ subpath, imports: host }) => isPartOf(subpath, file) && host?.test(target) === true)
}

/**
 * A folder ends with a slash and covers what is in it, a file name or a package covers itself, `*` covers everything.
 */
function covers(allowed: string, target: string): boolean {
  if (allowed.endsWith('*')) return target.startsWith(allowed.slice(0, -1))
  return allowed.endsWith('/') ? target.startsWith(allowed) : target === allowed
}

/** True for `grpc.ts` and `_grpc/status.ts` of the subpath `grpc`. */
function isPartOf(subpath: string, file: string): boolean {
  return file === `src/adapters/${subpath}.ts` || file.startsWith(`src/adapters/_${subpath}/`)
}

function lineCount(file: string): number {
  return readFileSync(join(root, file), 'utf8').split('\n').length - 1
}

function findCircle(edges: readonly Import[]): readonly string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const { target } of edges.filter((edge) => edge.file === file)) {
      const found = visit(target, [...path, file])
      if (found !== undefined) return found
    }
    done.add(file)
    return undefined
  }
  return files.map((file) => visit(file, [])).find((found) => found !== undefined)
}
