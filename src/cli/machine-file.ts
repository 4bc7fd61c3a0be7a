import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errorMessage, ThroughlineError } from '../errors.ts'
import { isObject } from '../logs/is-object.ts'
import type { MachineLike } from '../machine/machine-like.ts'

/**
 * Loads the machine that a file exports: as `default`, as `machine`, or as its only machine. TypeScript needs no build
 * step.
 *
 * @returns undefined without a file, which stands for the default machine
 * @throws ThroughlineError THROUGHLINE_MACHINE_NOT_FOUND if the file cannot be loaded or exports no machine
 */
export async function machineFrom(file: string | undefined): Promise<MachineLike | undefined> {
  return file === undefined ? undefined : machineIn(file)
}

async function machineIn(file: string): Promise<MachineLike> {
  const exported = await load(file)
  const machines = Object.entries(exported).filter((entry): entry is [string, MachineLike] => isMachine(entry[1]))
  const named = machines.find(([name]) => name === 'default') ?? machines.find(([name]) => name === 'machine')
  const [only] = machines
  if (named !== undefined) return named[1]
  if (only === undefined) throw notFound(file, 'it exports no XState machine: export one as default')
  if (machines.length > 1)
    throw notFound(file, `it exports ${machines.map(([name]) => name).join(', ')}: export one of them as default`)
  return only[1]
}

async function load(file: string): Promise<object> {
  const path = resolve(file)
  try {
    const loaded: unknown = /\.[cm]?ts$/.test(file)
      ? await loadTypeScript(path)
      : await import(pathToFileURL(path).href)
    return isObject(loaded) ? loaded : {}
  } catch (error) {
    throw notFound(file, errorMessage(error).split('\n', 1)[0] ?? '', error)
  }
}

/** The package is loaded only for a machine in TypeScript. */
async function loadTypeScript(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  return createJiti(import.meta.url).import(path)
}

function isMachine(value: unknown): value is MachineLike {
  return isObject(value) && 'root' in value && 'config' in value && 'getTransitionData' in value
}

function notFound(file: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_MACHINE_NOT_FOUND', `cannot use the machine in ${file}: ${reason}`, {
    cause,
  })
}
