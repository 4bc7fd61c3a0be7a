export { LineCutter } from './split-lines.ts'
export { entriesOf } from './read-logs.ts'
