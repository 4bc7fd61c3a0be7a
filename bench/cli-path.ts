import { join } from 'node:path'

/** The built `throughline` command. */
export const CLI_PATH = join(import.meta.dirname, '..', 'dist', 'src', 'cli', 'main.js')
