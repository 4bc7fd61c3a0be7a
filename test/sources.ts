import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** One import of a source file. */
export interface Import {
  readonly file: string
  /** A path from the root for our own files, else the package's name or `node:…`. */
  readonly target: string
  /** Leaves no trace in the built file. */
  readonly typeOnly: boolean
}

/** The files of some folders, as paths from the root with forward slashes. */
export function filesIn(...folders: string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split('\\').join('/'))
    .sort()
}

/** What a source file imports or re-exports, statically or not. */
export function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const statements = [...text.matchAll(/^(?:import|export)\s+(?:(type)\s)?([^'";]*?\sfrom\s+)?'([^']+)'/gm)].map(
    ([, type, clause = '', specifier = '']) => {
      const names =
        /\{([^}]*)\}/
          .exec(clause)?.[1]
          ?.split(',')
          .map((name) => name.trim()) ?? []
      const onlyTypes = names.length > 0 && names.every((name) => name === '' || name.startsWith('type '))
      return { specifier, typeOnly: type === 'type' || onlyTypes }
    },
  )
  const dynamic = [...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier = '']) => ({
    specifier,
    typeOnly: false,
  }))
  return [...statements, ...dynamic].map(({ specifier, typeOnly }) => ({
    file,
    typeOnly,
    target: specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : specifier,
  }))
}
