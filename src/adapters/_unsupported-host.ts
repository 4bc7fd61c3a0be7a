import { ThroughlineError } from '../errors.ts'

/**
 * The error for a version of a host that would fail without naming its cause. npm installs us beside any version, since
 * a range that one part of a program does not meet would block the installation for all of it.
 *
 * @param needed the package and the oldest version that works
 */
export function unsupportedHost(subpath: string, needed: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_HOST_UNSUPPORTED', `throughline/${subpath} needs ${needed} or later`)
}
