import { join } from 'node:path'

/** The command, as it is built. */
export const THROUGHLINE = join(import.meta.dirname, '..', 'dist', 'src', 'cli', 'main.js')
