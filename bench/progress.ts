let visible = false

/** Shows what is being measured, in one line that is overwritten; only on a terminal. */
export function showProgress(text: string): void {
  if (!process.stderr.isTTY) return
  process.stderr.write(`\r\x1B[K${text}`)
  visible = true
}

export function clearProgress(): void {
  if (visible) process.stderr.write('\r\x1B[K')
  visible = false
}
