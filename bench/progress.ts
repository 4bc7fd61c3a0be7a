let shown = false

/** Tells on a terminal what is being measured, in one line that changes; elsewhere nothing. */
export function progress(text: string): void {
  if (!process.stderr.isTTY) return
  process.stderr.write(`\r\x1B[K${text}`)
  shown = true
}

/** Takes that line away. */
export function progressEnds(): void {
  if (shown) process.stderr.write('\r\x1B[K')
  shown = false
}
