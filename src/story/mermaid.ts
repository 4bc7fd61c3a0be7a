import { formatDuration } from '../machine/duration.ts'
import type { StoryReport, StoryRequest } from './report.ts'
import { startOf } from './story.ts'

interface Moment {
  readonly time: number
  readonly text: string
}

/** The story as a Mermaid sequence diagram: services side by side, calls between them, states as notes. */
export function storyMermaid(report: StoryReport): string {
  const names = new Map(report.services.map((service, index) => [service, `s${String(index)}`]))
  const idOf = (service: string): string => names.get(service) ?? 's0'
  const participants = [...names].map(
    ([service, id]) => `    participant ${id} as ${escaped(service === '' ? 'unnamed' : service)}`,
  )
  const moments = report.requests.flatMap((request) => momentsOf(request, report, idOf)).sort((a, b) => a.time - b.time)
  return ['sequenceDiagram', ...participants, ...moments.map(({ text }) => `    ${text}`), ''].join('\n')
}

function momentsOf(request: StoryRequest, { requests }: StoryReport, idOf: (service: string) => string): Moment[] {
  const parent = requests.find(({ request_id }) => request_id === request.parent_id)
  const asked = escaped([request.method, request.path].filter((part) => part !== null).join(' ') || request.request_id)
  const called =
    parent === undefined
      ? []
      : [{ time: startOf(request), text: `${idOf(parent.service)}->>${idOf(request.service)}: ${asked}` }]
  const steps = request.transitions.flatMap(({ time, service, state, dwell_ms }, index): Moment[] => {
    const before = request.transitions[index - 1]?.service
    const dwelt = dwell_ms === null ? '' : ` (${formatDuration(dwell_ms)})`
    const handed =
      before === undefined || before === service
        ? []
        : [{ time, text: `${idOf(before)}-)${idOf(service)}: hands over` }]
    return [...handed, { time, text: `Note over ${idOf(service)}: ${escaped(state)}${dwelt}` }]
  })
  const gaps = request.gaps.map((gap): Moment => ({
    time: Infinity,
    text: `Note over ${idOf(request.service)}: ${escaped(gap)}`,
  }))
  return [...called, ...steps, ...gaps]
}

/** Whatever has a meaning in Mermaid, as an entity of its own notation. */
function escaped(text: string): string {
  return text.replace(/[^\p{L}\p{N} ./_()[\],-]/gu, (character) => `#${String(character.codePointAt(0))};`)
}
