import { expect, test } from 'vitest'
import { sanitizeForTerminal } from '../../src/record/sanitize.ts'

test('control characters are replaced one by one, and all others are kept', () => {
  expect(sanitizeForTerminal('\u001b[31mred\u0007\r\n\u007f\u009b')).toBe('\u00b7[31mred\u00b7\u00b7\u00b7\u00b7\u00b7')
  expect(sanitizeForTerminal('a b · é 💥')).toBe('a b · é 💥')
})
