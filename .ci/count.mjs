// Prints the test runner's reports: each failed test with the start of its message, a line of counts per Node, the sum.
import { readFileSync } from 'node:fs'
import { basename, relative } from 'node:path'

const reports = process.argv
  .slice(2)
  .map((file) => ({ name: basename(file, '.json'), ...JSON.parse(readFileSync(file, 'utf8')) }))

/** The failed tests with their messages, printed last: of a long output only the end may be kept. */
function* failures({ name, testResults }) {
  const entry = (title, message) => `${name}: ${title}\n${message.split('\n').slice(0, 30).join('\n')}\n`
  for (const { name: file, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    for (const test of failed) yield entry(`${relative('.', file)} > ${test.fullName}`, test.failureMessages.join('\n'))
    // A file that could not be loaded fails no test of its own.
    if (status === 'failed' && failed.length === 0) yield entry(relative('.', file), message)
  }
}

const counts = reports.map(({ name, numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests }) => ({
  name,
  passed: numPassedTests,
  failed: numFailedTests || numFailedTestSuites,
  skipped: numPendingTests,
}))
const text = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`
const sum = (key) => counts.reduce((total, count) => total + count[key], 0)

for (const report of reports) for (const failure of failures(report)) console.log(failure)
for (const count of counts) console.log(`${count.name}: ${text(count)}`)
console.log(text({ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }))
