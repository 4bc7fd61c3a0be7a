import type { Random } from './random.ts'

/** What became of a line. */
export interface Damaged {
  readonly text: string
  /** Something of it is lost; where it only ran into the next one nothing is. */
  readonly lost: boolean
}

/** Cuts a line off, overwrites some of it with other bytes, or takes away its line end; one byte is one character here. */
export function damaged(line: string, random: Random): Damaged {
  const text = line.slice(0, -1)
  switch (random.below(3)) {
    case 0:
      return { text: `${text.slice(0, 1 + random.below(text.length - 1))}\n`, lost: true }
    case 1: {
      // JSON knows no zero byte: without it a line might only say something else, and no reader could tell.
      const bytes = [0, ...Array.from({ length: random.below(60) }, () => notLineEnd(random.below(256)))]
      const start = random.below(Math.max(1, text.length - bytes.length))
      return { text: `${text.slice(0, start)}${String.fromCharCode(...bytes)}${text.slice(start + bytes.length)}\n`, lost: true }
    }
    default:
      return { text, lost: false }
  }
}

function notLineEnd(byte: number): number {
  return byte === 0x0a || byte === 0x0d ? 0 : byte
}
