import type { Random } from './random.ts'

export interface DamagedLine {
  readonly text: string
  /** Whether bytes of the line are lost; a line that only runs into the next one loses none. */
  readonly lossy: boolean
}

/** Truncates a line, overwrites a part of it or removes its line end. One character is one byte. */
export function damageLine(line: string, random: Random): DamagedLine {
  const text = line.slice(0, -1)
  switch (random.integer(3)) {
    case 0:
      return { text: `${text.slice(0, 1 + random.integer(text.length - 1))}\n`, lossy: true }
    case 1: {
      // A zero byte is invalid in JSON. Without it the line might be valid with another content, which no reader could
      // detect.
      const bytes = [0, ...Array.from({ length: random.integer(60) }, () => withoutLineEnd(random.integer(256)))]
      const start = random.integer(Math.max(1, text.length - bytes.length))
      return {
        text: `${text.slice(0, start)}${String.fromCharCode(...bytes)}${text.slice(start + bytes.length)}\n`,
        lossy: true,
      }
    }
    default:
      return { text, lossy: false }
  }
}

function withoutLineEnd(byte: number): number {
  return byte === 0x0a || byte === 0x0d ? 0 : byte
}
