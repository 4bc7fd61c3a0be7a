import type { LogSettings } from './options.ts'
import type { Random } from './random.ts'

/** One process of a service. */
export interface Process {
  readonly service: string
  readonly file: string
  /** What its clock is ahead, in milliseconds. */
  readonly ahead: number
  /** When it is killed, in order; it starts again at once, and knows nothing of what it had open. */
  readonly kills: readonly number[]
}

/** The processes of each service. */
export function processesOf({ services, files, skew, crashes, requests, rate, start }: LogSettings, random: Random): ReadonlyMap<string, readonly [Process, ...Process[]]> {
  const processes = new Map(
    services.map((service, place) => {
      const others = Math.max(0, Math.ceil((files - place) / services.length) - 1)
      const named = (number: number): Process & { kills: number[] } => ({
        service,
        file: files < services.length ? fileOfSeveral(services, place % files, files) : `${others === 0 ? service : `${service}-${number}`}.log`,
        ahead: skew[service] ?? 0,
        kills: [],
      })
      return [service, [named(1), ...Array.from({ length: others }, (_, index) => named(index + 2))]] as const
    }),
  )
  const all = [...processes.values()].flat()
  // A trace has about as many requests as there are services without the last.
  const traces = requests / Math.max(1, services.length - 1)
  for (let crash = 0; crash < crashes; crash += 1) all[random.below(all.length)]?.kills.push(start + (0.1 + 0.8 * random.share()) * (traces / rate) * 1_000)
  for (const { kills } of all) kills.sort((a, b) => a - b)
  return processes
}

/** When a process dies that was alive at a moment; Infinity for one that does not. */
export function deathAfter({ kills }: Process, time: number): number {
  return kills.find((kill) => kill > time) ?? Infinity
}

function fileOfSeveral(services: readonly string[], place: number, files: number): string {
  return `${files === 1 ? 'all' : services.filter((_, index) => index % files === place).join('-')}.log`
}
