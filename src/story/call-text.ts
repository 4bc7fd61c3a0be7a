import { formatDuration } from '../machine/duration.ts'
import type { StoryCall, StoryNote, StoryReport, StoryRequest } from './report.ts'

/** Where a call went, how it ended, and how long its caller waited. */
export function describeCall({ target, method, path, outcome, status, duration_ms }: StoryCall): string {
  const to = [method, target, path].filter((part) => part !== null).join(' ')
  const end = [outcome, status].filter((part) => part !== null).join(' ')
  const waited = duration_ms === null ? '' : ` after ${formatDuration(duration_ms)}`
  return `${to}: ${end}${waited}`
}

/** Which call of its caller began the request. */
export function callPrefix({ parent_id, call, call_attempt }: StoryRequest, { requests }: StoryReport): string {
  if (call === null) return ''
  const caller = requests.find(({ request_id }) => request_id === parent_id)
  const sent = caller?.calls.find(({ attempt }) => attempt === call_attempt)?.sent ?? 0
  const of = sent < call ? '' : ` of ${String(sent)}`
  return `${call_attempt === undefined ? '' : `attempt ${String(call_attempt)}, `}call ${String(call)}${of}: `
}

/** How long the caller waited, beside how long the service worked. */
export function waited({ waited_ms, duration_ms }: StoryRequest): string {
  if (waited_ms === null) return ''
  const worked = duration_ms === null ? '' : ` worked ${formatDuration(duration_ms)},`
  return `,${worked} caller waited ${formatDuration(waited_ms)}`
}

/** Whether a note reports the call that began a request: the title of the request says as much. */
export function isCallOf(child: StoryRequest, { call, attempt }: StoryNote): boolean {
  return call?.call === child.call && attempt === child.call_attempt
}

/** The same for an arrow: which call began the request, and how long the caller waited. */
export function callNumber({ call, call_attempt, waited_ms }: StoryRequest): string {
  if (call === null) return ''
  const attempt = call_attempt === undefined ? '' : `attempt ${String(call_attempt)} `
  const waited = waited_ms === null ? '' : ` (waited ${formatDuration(waited_ms)})`
  return `${attempt}call ${String(call)}${waited}, `
}
