import { formatDuration } from '../machine/duration.ts'
import { callNumber } from './call-text.ts'
import type { StoryReport, StoryRequest } from './report.ts'
import { startOf } from './story.ts'

/** A statement of the diagram, and the time that orders it. */
interface TimedStatement {
  readonly time: number
  readonly text: string
}

/**
 * Draws a story as a Mermaid sequence diagram: a participant for each service, calls as arrows, states as notes.
 *
 * @returns the diagram with a newline at its end
 * @example const report = await storyOfFiles(traceId, ['logs/*.ndjson'])
 * if (report !== undefined) console.log(storyMermaid(report))
 */
export function storyMermaid(report: StoryReport): string {
  const ids = new Map(report.services.map((service, index) => [service, `s${String(index)}`]))
  const idOf = (service: string): string => ids.get(service) ?? 's0'
  const participants = [...ids].map(
    ([service, id]) => `    participant ${id} as ${escapeText(service === '' ? 'unnamed' : service)}`,
  )
  const statements = report.requests
    .flatMap((request) => statementsOf(request, report, idOf))
    .sort((a, b) => a.time - b.time)
  return ['sequenceDiagram', ...participants, ...statements.map(({ text }) => `    ${text}`), ''].join('\n')
}

function statementsOf(
  request: StoryRequest,
  { requests }: StoryReport,
  idOf: (service: string) => string,
): TimedStatement[] {
  const parent = requests.find(({ request_id }) => request_id === request.parent_id)
  const target = [request.method, request.path].filter((part) => part !== null).join(' ') || request.request_id
  const call =
    parent === undefined
      ? []
      : [
          {
            time: startOf(request),
            text: `${idOf(parent.service)}->>${idOf(request.service)}: ${escapeText(`${callNumber(request)}${target}`)}`,
          },
        ]
  const steps = request.transitions.flatMap(({ time, service, state, dwell_ms }, index): TimedStatement[] => {
    const previous = request.transitions[index - 1]?.service
    const dwell = dwell_ms === null ? '' : ` (${formatDuration(dwell_ms)})`
    const handOff =
      previous === undefined || previous === service
        ? []
        : [{ time, text: `${idOf(previous)}-)${idOf(service)}: hands off` }]
    return [...handOff, { time, text: `Note over ${idOf(service)}: ${escapeText(state)}${dwell}` }]
  })
  const gaps = request.gaps.map((gap): TimedStatement => ({
    time: Infinity,
    text: `Note over ${idOf(request.service)}: ${escapeText(gap)}`,
  }))
  return [...call, ...steps, ...gaps]
}

/** Escapes every character that could be Mermaid syntax, as a numeric entity. */
function escapeText(text: string): string {
  return text.replace(/[^\p{L}\p{N} ./_()[\],-]/gu, (character) => `#${String(character.codePointAt(0))};`)
}
