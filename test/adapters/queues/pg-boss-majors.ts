import type PgBoss from 'pg-boss-10'

/** What differs between the majors of pg-boss. */
export interface PgBossMajor {
  readonly PgBoss: typeof PgBoss
  readonly stopWorker: (boss: PgBoss, queue: string, id: string) => Promise<void>
  /** Fails the jobs of a queue that have run for longer than they may. */
  readonly failExpired: (boss: PgBoss, queue: string) => Promise<void>
  /** Adds jobs to one queue. */
  readonly insert: (boss: PgBoss, queue: string, jobs: readonly { readonly data?: object }[]) => Promise<void>
}

export type Major = () => Promise<PgBossMajor>

/** The majors that are supported, each loaded when it is needed. */
export const majors = {
  10: async () => ({
    PgBoss: (await import('pg-boss-10')).default,
    stopWorker: (boss, _queue, id) => boss.offWork({ id }),
    failExpired: (boss) => boss.maintain(),
    insert: (boss, name, jobs) => boss.insert(jobs.map((job) => ({ name, ...job }))),
  }),
  11: async () => ({
    PgBoss: asTen((await import('pg-boss-11')).default),
    stopWorker: (boss, _queue, id) => boss.offWork({ id }),
    failExpired: supervise,
    insert: insertInto,
  }),
  12: async () => ({
    PgBoss: asTen((await import('pg-boss')).PgBoss),
    stopWorker: (boss, queue, id) => call(boss, 'offWork', queue, { id }),
    failExpired: supervise,
    insert: insertInto,
  }),
} satisfies Readonly<Record<number, Major>>

/** The tests use members of the class that all majors have; for the others there is {@link PgBossMajor}. */
function asTen(boss: unknown): typeof PgBoss {
  return boss as typeof PgBoss
}

function supervise(boss: PgBoss, queue: string): Promise<void> {
  return call(boss, 'supervise', queue)
}

function insertInto(boss: PgBoss, queue: string, jobs: readonly object[]): Promise<void> {
  return call(boss, 'insert', queue, jobs)
}

/** A method with arguments that the types of version 10 do not have. */
async function call(boss: PgBoss, method: string, ...args: readonly unknown[]): Promise<void> {
  await Reflect.apply(Reflect.get(boss, method) as (...all: unknown[]) => unknown, boss, args)
}
