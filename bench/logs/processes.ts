import type { LogSettings } from './options.ts'
import type { Random } from './random.ts'

/** One process of a service. */
export interface Process {
  readonly service: string
  readonly file: string
  /** How far its clock is ahead, in milliseconds. */
  readonly skewMs: number
  /** The times at which it is killed, in order. It restarts at once and has lost the requests it had open. */
  readonly kills: readonly number[]
}

/** By service: one or more processes each. */
export type Processes = ReadonlyMap<string, readonly [Process, ...Process[]]>

export function createProcesses(
  { services, files, skew, crashes, requests, rate, start }: LogSettings,
  random: Random,
): Processes {
  const processes = new Map(
    services.map((service, index) => {
      const extra = Math.max(0, Math.ceil((files - index) / services.length) - 1)
      const createProcess = (number: number): Process & { kills: number[] } => ({
        service,
        file:
          files < services.length
            ? sharedFileName(services, index % files, files)
            : `${extra === 0 ? service : `${service}-${number}`}.log`,
        skewMs: skew[service] ?? 0,
        kills: [],
      })
      return [
        service,
        [createProcess(1), ...Array.from({ length: extra }, (_, offset) => createProcess(offset + 2))],
      ] as const
    }),
  )
  const all = [...processes.values()].flat()
  // A trace has about one request per service, except the worker.
  const traces = requests / Math.max(1, services.length - 1)
  for (let crash = 0; crash < crashes; crash += 1)
    all[random.integer(all.length)]?.kills.push(start + (0.1 + 0.8 * random.float()) * (traces / rate) * 1_000)
  for (const { kills } of all) kills.sort((a, b) => a - b)
  return processes
}

/** When a process that is alive at a time is killed next; Infinity if never. */
export function nextKill({ kills }: Process, time: number): number {
  return kills.find((kill) => kill > time) ?? Infinity
}

function sharedFileName(services: readonly string[], index: number, files: number): string {
  return `${files === 1 ? 'all' : services.filter((_, other) => other % files === index).join('-')}.log`
}
