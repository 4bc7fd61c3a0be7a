import { stat } from 'node:fs/promises'
import { unreadable, unreadableLog } from './errors.ts'

/** The name of standard input on a command line. */
export const STDIN = '-'

/**
 * Resolves names and globs to file names without duplicates, sorted within each glob.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a missing file, a folder, or a glob without a match
 */
export async function resolveFiles(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map(resolve))
  return [...new Set(found.flat())]
}

async function resolve(name: string): Promise<string[]> {
  if (name === STDIN) return [name]
  const found = await stat(name).catch((error: unknown) => expand(name, error))
  if (Array.isArray(found)) return found
  if (!found.isDirectory()) return [name]
  throw unreadable(name, `it is a folder: name its files, such as "${name.replace(/\/$/, '')}/*.ndjson"`)
}

/** Expands a pattern, once it is clear that no file has the pattern as its name. */
async function expand(pattern: string, notFound: unknown): Promise<string[]> {
  const { glob, isDynamicPattern } = await import('tinyglobby')
  if (!isDynamicPattern(pattern)) throw unreadableLog(pattern, notFound)
  const absolute = pattern.startsWith('/')
  const matches = await glob(pattern, { onlyFiles: true, absolute, expandDirectories: false, dot: true })
  if (matches.length === 0) throw unreadable(pattern, 'no file matches the pattern: check it, and quote it')
  return matches.sort()
}
