// The vectors of W3C Trace Context level 2, for every kind of carrier: https://www.w3.org/TR/trace-context-2/

export const TRACE = '0af7651916cd43dd8448eb211c80319c'
/** The same 128 bits as logged. */
export const DASHED = '0af76519-16cd-43dd-8448-eb211c80319c'
export const PARENT = 'b7ad6b7169203331'
export const GOOD = `00-${TRACE}-${PARENT}-01`

/** Valid headers and their flags. */
export const VALID: readonly (readonly [what: string, header: string, flags: number])[] = [
  ['version 00', GOOD, 1],
  ['not sampled', `00-${TRACE}-${PARENT}-00`, 0],
  ['the random flag', `00-${TRACE}-${PARENT}-03`, 3],
  ['undefined flags', `00-${TRACE}-${PARENT}-ff`, 255],
  ['a higher version', `01-${TRACE}-${PARENT}-01`, 1],
  ['the highest version', `fe-${TRACE}-${PARENT}-01`, 1],
  ['a higher version with a further field', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, 1],
  ['a higher version with an empty field', `cc-${TRACE}-${PARENT}-01-`, 1],
  ['white space around it', ` \t${GOOD}\t `, 1],
]

/** Invalid headers, which start a new trace. */
export const INVALID: readonly (readonly [what: string, header: string])[] = [
  ['nothing', ''],
  ['version ff', `ff-${TRACE}-${PARENT}-01`],
  ['version 00 with a further field', `${GOOD}-what`],
  ['version 00 with an empty field', `${GOOD}-`],
  ['a higher version that goes on without a dash', `cc-${TRACE}-${PARENT}-01.what`],
  ['a version in upper case', `CC-${TRACE}-${PARENT}-01`],
  ['a version of one digit', `0-${TRACE}-${PARENT}-01`],
  ['a version of three digits', `000-${TRACE}-${PARENT}-01`],
  ['a version that is not hex', `0g-${TRACE}-${PARENT}-01`],
  ['a trace-id in upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
  ['a trace-id of 31 digits', `00-${TRACE.slice(1)}-${PARENT}-01`],
  ['a trace-id of 33 digits', `00-${TRACE}a-${PARENT}-01`],
  ['a trace-id that is not hex', `00-${TRACE.slice(1)}.-${PARENT}-01`],
  ['the zero trace-id', `00-${'0'.repeat(32)}-${PARENT}-01`],
  ['the zero trace-id of a higher version', `01-${'0'.repeat(32)}-${PARENT}-01`],
  ['a parent-id in upper case', `00-${TRACE}-${PARENT.toUpperCase()}-01`],
  ['a parent-id of 15 digits', `00-${TRACE}-${PARENT.slice(1)}-01`],
  ['a parent-id of 17 digits', `00-${TRACE}-${PARENT}a-01`],
  ['the zero parent-id', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['flags in upper case', `00-${TRACE}-${PARENT}-0A`],
  ['flags of one digit', `00-${TRACE}-${PARENT}-1`],
  ['flags of three digits', `00-${TRACE}-${PARENT}-001`],
  ['no flags', `00-${TRACE}-${PARENT}`],
  ['underscores for dashes', GOOD.replaceAll('-', '_')],
  ['two joined values', `${GOOD}, ${GOOD}`],
  ['two joined values of a higher version', `cc-${TRACE}-${PARENT}-01-x, cc-${TRACE}-${PARENT}-01-x`],
  ['white space inside', `00- ${TRACE}-${PARENT}-01`],
  ['a line break after it', `${GOOD}\n`],
  ['a no-break space before it', `\u00a0${GOOD}`],
  ['a huge value', `${GOOD}-`.repeat(10_000)],
]

/** Values of tracestate beside a valid traceparent, and the value that is passed on. */
export const STATES: readonly (readonly [what: string, header: string, passed: string | undefined])[] = [
  ['one member', 'foo=1', 'foo=1'],
  ['members in their order', 'b=2,a=1', 'b=2,a=1'],
  ['white space around members', 'foo=1 \t , \t bar=2, baz=3', 'foo=1,bar=2,baz=3'],
  ['empty members', ',foo=1,,bar=2, ,', 'foo=1,bar=2'],
  ['every character that a key may have', 'a0_-*/@z=1', 'a0_-*/@z=1'],
  ['a key that begins with a digit', '0a=1', '0a=1'],
  ['a tenant', 'fw529a3039@dt=FfI3ZTM', 'fw529a3039@dt=FfI3ZTM'],
  ['a key of 256 characters', `${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
  ['a key of 257 characters', `${'z'.repeat(257)}=1`, undefined],
  ['a tenant of 257 characters', `${'t'.repeat(250)}@${'v'.repeat(6)}=1`, undefined],
  ['a value of 256 characters', `foo=${'v'.repeat(256)}`, `foo=${'v'.repeat(256)}`],
  ['a value of 257 characters', `foo=${'v'.repeat(257)}`, undefined],
  ['a value with spaces inside', 'foo= a b', 'foo= a b'],
  ['32 members', members(32), members(32)],
  ['33 members', members(33), undefined],
  ['32 members and empty ones', `${members(32)}${','.repeat(40)}`, members(32)],
  ['nothing', '', undefined],
  ['only empty members', ' , ,', undefined],
  ['a key in upper case', 'Foo=1', undefined],
  ['a key that begins with a dash', '-foo=1', undefined],
  ['a key with a dot', 'foo.bar=1', undefined],
  ['no key', '=1', undefined],
  ['no value', 'foo=', undefined],
  ['a space as the value', 'foo= ', undefined],
  ['no equals sign', 'foo', undefined],
  ['a space before the equals sign', 'foo =1', undefined],
  ['two equals signs', 'foo=bar=baz', undefined],
  ['a tab in a value', 'foo=a\tb', undefined],
  ['a value beyond ASCII', 'foo=\u00e4', undefined],
  ['one invalid member among valid ones', 'foo=1,BAD=2,bar=3', undefined],
  ['an invalid member after a thousand empty ones', `foo=1${','.repeat(1_100)}BAD=2`, undefined],
]

function members(count: number): string {
  return [...Array(count).keys()].map((n) => `k${String(n)}=${String(n)}`).join(',')
}
