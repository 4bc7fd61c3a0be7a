import { carrierIn, withHeaders } from './metadata.ts'
import { withProperty, isRecord, type OutgoingMessage } from '../_send.ts'

type Fields = Readonly<Record<string, unknown>>

/** What one call sends: jobs, or flows, which are jobs with children. */
export interface JobCall {
  readonly jobs: readonly unknown[]
  /** The arguments of the call with other jobs in place of these. */
  readonly args: (jobs: readonly unknown[]) => readonly unknown[]
}

/** Reads `add(name, data, opts)`, `add(flow, …)` and `addBulk(jobs)`. */
export function parseArgs([first, ...rest]: readonly unknown[]): JobCall {
  if (Array.isArray(first)) return { jobs: first, args: (jobs) => [jobs, ...rest] }
  if (isRecord(first)) return { jobs: [first], args: ([flow]) => [flow, ...rest] }
  const [data, opts, ...more] = rest
  return { jobs: [{ opts }], args: ([job]) => [first, data, optsOf(job) ?? opts, ...more] }
}

/** All jobs of a call that may carry something, parents before their children. */
export function carriersIn(jobs: readonly unknown[]): readonly Fields[] {
  return jobs.filter(isRecord).flatMap((job) => [...(mayCarry(job) ? [job] : []), ...carriersIn(childrenOf(job))])
}

/** A job with the headers that it is to carry, and so its children. Where the producer is traced, its telemetry writes those of most. */
export function withCarrier(
  job: unknown,
  headersFor: (job: Fields) => Readonly<Record<string, string>> | undefined,
  traced: boolean,
): unknown {
  if (!isRecord(job)) return job
  const children = childrenOf(job)
  const parent =
    children.length === 0
      ? job
      : withProperty(
          job,
          'children',
          children.map((child) => withCarrier(child, headersFor, traced)),
        )
  const headers = mayCarry(job) ? headersFor(job) : undefined
  if (headers === undefined) return parent
  const [opts, own] = [optsOf(job) ?? {}, metadataOf(job)]
  // Without opts a flow's job would get no metadata at all.
  if (traced && own === undefined) return withProperty(parent, 'opts', opts)
  const metadata = withHeaders(own, headers)
  return metadata === undefined ? parent : withProperty(parent, 'opts', { ...opts, telemetry: { metadata } })
}

export function toOutgoing(job: Fields, queue: string | undefined): OutgoingMessage {
  return {
    to: typeof job.queueName === 'string' ? job.queueName : (queue ?? ''),
    own: carrierIn(metadataOf(job)),
    headerSlots: Infinity,
  }
}

/** The jobs in what BullMQ answered, those of flows too. */
export function jobsIn(answer: unknown): readonly unknown[] {
  if (Array.isArray(answer)) return answer.flatMap(jobsIn)
  if (isRecord(answer) && 'job' in answer) return [answer.job, ...childrenOf(answer).flatMap(jobsIn)]
  return answer === undefined ? [] : [answer]
}

/** Whether a job holds these headers; what is no job of BullMQ's does not say that it does not. */
export function carries(job: unknown, headers: Readonly<Record<string, string>>): boolean {
  if (optsOf(job) === undefined) return true
  const carrier = carrierIn(metadataOf(job))
  return Object.entries(headers).every(([name, value]) => carrier?.[name] === value)
}

/** Whether a job may be thrown away for a later one, and nobody learns of it. */
export function mayBeReplaced(job: Fields): boolean {
  const how = optsOf(job)?.deduplication
  return isRecord(how) && (how.replace === true || how.keepLastIfActive === true)
}

/** Whether BullMQ may have this job already, and send none. */
export function mayAlreadyExist(job: Fields): boolean {
  const opts = optsOf(job)
  return opts?.jobId !== undefined || opts?.deduplication !== undefined || opts?.debounce !== undefined
}

/** Not one whose sender wants no context to go along, and not one that comes again and again. */
function mayCarry(job: Fields): boolean {
  return telemetryOf(job)?.omitContext !== true && optsOf(job)?.repeat === undefined
}

function metadataOf(job: unknown): unknown {
  return telemetryOf(job)?.metadata
}

function telemetryOf(job: unknown): Fields | undefined {
  const telemetry = optsOf(job)?.telemetry
  return isRecord(telemetry) ? telemetry : undefined
}

function optsOf(job: unknown): Fields | undefined {
  return isRecord(job) && isRecord(job.opts) ? job.opts : undefined
}

function childrenOf(job: Fields): readonly unknown[] {
  return Array.isArray(job.children) ? job.children : []
}
