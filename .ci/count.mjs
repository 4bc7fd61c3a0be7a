// Prints what the test runner's reports say, one line a Node and then all of them.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const counts = process.argv.slice(2).map((file) => {
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'))
  // A file that could not be loaded fails no test of its own.
  return { name: basename(file, '.json'), passed: numPassedTests, failed: numFailedTests || numFailedTestSuites, skipped: numPendingTests }
})
const text = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`
const sum = (key) => counts.reduce((total, count) => total + count[key], 0)

for (const count of counts) console.log(`${count.name}: ${text(count)}`)
console.log(text({ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }))
