/** Replaces each control character with a dot, so that text from a log cannot send commands to the terminal. */
export function sanitizeForTerminal(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\u00b7')
}
