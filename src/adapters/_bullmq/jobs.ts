import { carrierIn, withHeaders } from './metadata.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'
import type { OutgoingMessage } from '../_send.ts'

/** What one call sends: jobs, or flows, which are jobs with children. */
export interface JobCall {
  readonly jobs: readonly unknown[]
  /** The arguments of the call with its jobs replaced by these. */
  readonly args: (jobs: readonly unknown[]) => readonly unknown[]
}

/** Parses the arguments of `add(name, data, opts)`, `add(flow, …)` and `addBulk(jobs)`. */
export function parseArgs([first, ...rest]: readonly unknown[]): JobCall {
  if (Array.isArray(first)) return { jobs: first, args: (jobs) => [jobs, ...rest] }
  if (isObject(first)) return { jobs: [first], args: ([flow]) => [flow, ...rest] }
  const [data, opts, ...more] = rest
  return { jobs: [{ opts }], args: ([job]) => [first, data, optsOf(job) ?? opts, ...more] }
}

/** The jobs of a call that can carry a trace, parents before their children. */
export function carriersIn(jobs: readonly unknown[]): readonly UnknownObject[] {
  return jobs.filter(isObject).flatMap((job) => [...(canCarry(job) ? [job] : []), ...carriersIn(childrenOf(job))])
}

/**
 * A copy of a job, and of its children, with their trace headers.
 *
 * @param traced whether the producer's telemetry writes the headers of jobs that have no metadata of their own
 */
export function withCarrier(
  job: unknown,
  headersFor: (job: UnknownObject) => Readonly<Record<string, string>> | undefined,
  traced: boolean,
): unknown {
  if (!isObject(job)) return job
  const children = childrenOf(job)
  const parent =
    children.length === 0
      ? job
      : withProperty(
          job,
          'children',
          children.map((child) => withCarrier(child, headersFor, traced)),
        )
  const headers = canCarry(job) ? headersFor(job) : undefined
  if (headers === undefined) return parent
  const [opts, own] = [optsOf(job) ?? {}, metadataOf(job)]
  // Without opts, a job of a flow gets no metadata at all.
  if (traced && own === undefined) return withProperty(parent, 'opts', opts)
  const metadata = withHeaders(own, headers)
  return metadata === undefined ? parent : withProperty(parent, 'opts', { ...opts, telemetry: { metadata } })
}

export function toOutgoing(job: UnknownObject, queue: string | undefined): OutgoingMessage {
  return {
    to: typeof job.queueName === 'string' ? job.queueName : (queue ?? ''),
    own: carrierIn(metadataOf(job)),
    headerSlots: Infinity,
    delayMs: numberOf(optsOf(job)?.delay),
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The jobs in BullMQ's answer, including those of flows. */
export function jobsIn(answer: unknown): readonly unknown[] {
  if (Array.isArray(answer)) return answer.flatMap(jobsIn)
  if (isObject(answer) && 'job' in answer) return [answer.job, ...childrenOf(answer).flatMap(jobsIn)]
  return answer === undefined ? [] : [answer]
}

/** Whether a job holds these headers; assumed of anything that is not a job of BullMQ's. */
export function carries(job: unknown, headers: Readonly<Record<string, string>>): boolean {
  if (optsOf(job) === undefined) return true
  const carrier = carrierIn(metadataOf(job))
  return Object.entries(headers).every(([name, value]) => carrier?.[name] === value)
}

/** Whether a later job may replace this one without its sender learning of it. */
export function mayBeReplaced(job: UnknownObject): boolean {
  const deduplication = optsOf(job)?.deduplication
  return isObject(deduplication) && (deduplication.replace === true || deduplication.keepLastIfActive === true)
}

/** Whether BullMQ may have this job already, and then add none. */
export function mayAlreadyExist(job: UnknownObject): boolean {
  const opts = optsOf(job)
  return opts?.jobId !== undefined || opts?.deduplication !== undefined || opts?.debounce !== undefined
}

/** False for a job whose sender wants no context sent along, and for one that repeats. */
function canCarry(job: UnknownObject): boolean {
  return telemetryOf(job)?.omitContext !== true && optsOf(job)?.repeat === undefined
}

/** Whether a job has metadata of its own, which its producer's telemetry then does not write. */
export function hasMetadata(job: UnknownObject): boolean {
  return metadataOf(job) !== undefined
}

function metadataOf(job: unknown): unknown {
  return telemetryOf(job)?.metadata
}

function telemetryOf(job: unknown): UnknownObject | undefined {
  const telemetry = optsOf(job)?.telemetry
  return isObject(telemetry) ? telemetry : undefined
}

function optsOf(job: unknown): UnknownObject | undefined {
  return isObject(job) && isObject(job.opts) ? job.opts : undefined
}

function childrenOf(job: UnknownObject): readonly unknown[] {
  return Array.isArray(job.children) ? job.children : []
}
