import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { ThroughlineError } from '../errors.ts'
import { compile } from '../machine/compile.ts'
import type { TransitionTable } from '../machine/table.ts'

/**
 * Compiles the machine of {@link machineFrom}.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED where a log cannot be checked against it
 */
export async function tableFrom(file: string | undefined): Promise<TransitionTable> {
  return compile(await machineFrom(file))
}

/**
 * The machine that a file exports, as `default`, as `machine`, or as its only machine; without a file the default
 * machine. TypeScript is read as it is.
 *
 * @throws ThroughlineError THROUGHLINE_MACHINE_NOT_FOUND where the file cannot be loaded or exports none
 */
export async function machineFrom(file: string | undefined): Promise<AnyStateMachine> {
  return file === undefined ? requestMachine : machineIn(file)
}

async function machineIn(file: string): Promise<AnyStateMachine> {
  const exported = await load(file)
  const machines = Object.entries(exported).filter((entry): entry is [string, AnyStateMachine] => isMachine(entry[1]))
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
    return typeof loaded === 'object' && loaded !== null ? loaded : {}
  } catch (error) {
    throw notFound(file, firstLine(error), error)
  }
}

/** The package is loaded for those who need it only. */
async function loadTypeScript(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  return createJiti(import.meta.url).import(path)
}

function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === 'object' && value !== null && 'root' in value && 'transition' in value && 'config' in value
}

function notFound(file: string, reason: string, cause?: unknown): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_MACHINE_NOT_FOUND', `cannot use the machine in ${file}: ${reason}`, {
    cause,
  })
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
