import { createReadStream } from 'node:fs'

/** The fields of a line that are used. */
interface Line {
  readonly lifecycle?: string
  readonly trace_id: string
  readonly request_id: string
  readonly seq: number
  readonly state: string
  readonly time: number
}

interface Latest {
  seq: number
  state: string
  time: number
}

// Prints the number of stuck requests: `json-parse-audit.js NOW THRESHOLDS FILE…`, with the thresholds in ms by state,
// as JSON.
const [now = '', thresholds = '', ...files] = process.argv.slice(2)
const stuckAfterMs = JSON.parse(thresholds) as Readonly<Record<string, number>>
const requests = new Map<string, Latest>()

function addLine(text: string): void {
  const line = JSON.parse(text) as Line
  if (line.lifecycle !== 'transition') return
  const key = `${line.trace_id} ${line.request_id}`
  const latest = requests.get(key)
  if (latest === undefined) requests.set(key, { seq: line.seq, state: line.state, time: line.time })
  else if (line.seq >= latest.seq) {
    latest.seq = line.seq
    latest.state = line.state
    latest.time = line.time
  }
}

for (const file of files) {
  let rest = ''
  for await (const chunk of createReadStream(file, {
    encoding: 'utf8',
    highWaterMark: 1_048_576,
  }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) addLine(line)
  }
  if (rest !== '') addLine(rest)
}
let stuck = 0
for (const { state, time } of requests.values()) if (Number(now) - time > (stuckAfterMs[state] ?? Infinity)) stuck += 1
console.log(String(stuck))
