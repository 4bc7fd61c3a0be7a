import { createReadStream } from 'node:fs'

/** As much of a line as the question needs. */
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

// Prints how many requests are stuck: `parse-audit.js NOW LIMITS FILE…`, with the limits of states as an object.
const [now = '', limits = '', ...files] = process.argv.slice(2)
const limitOf = JSON.parse(limits) as Readonly<Record<string, number>>
const requests = new Map<string, Latest>()

function take(text: string): void {
  const line = JSON.parse(text) as Line
  if (line.lifecycle !== 'transition') return
  const key = `${line.trace_id} ${line.request_id}`
  const known = requests.get(key)
  if (known === undefined) requests.set(key, { seq: line.seq, state: line.state, time: line.time })
  else if (line.seq >= known.seq) {
    known.seq = line.seq
    known.state = line.state
    known.time = line.time
  }
}

for (const file of files) {
  let rest = ''
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1_048_576 }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) take(line)
  }
  if (rest !== '') take(rest)
}
let stuck = 0
for (const { state, time } of requests.values()) if (Number(now) - time > (limitOf[state] ?? Infinity)) stuck += 1
console.log(String(stuck))
