import { BlockList, isIP } from 'node:net'

/**
 * Loopback, private (RFC 1918, RFC 4193) and link-local (RFC 3927, RFC 4291) addresses, which are not routed publicly.
 */
const PRIVATE_ADDRESSES = new BlockList()
PRIVATE_ADDRESSES.addSubnet('127.0.0.0', 8)
PRIVATE_ADDRESSES.addSubnet('10.0.0.0', 8)
PRIVATE_ADDRESSES.addSubnet('172.16.0.0', 12)
PRIVATE_ADDRESSES.addSubnet('192.168.0.0', 16)
PRIVATE_ADDRESSES.addSubnet('169.254.0.0', 16)
PRIVATE_ADDRESSES.addAddress('::1', 'ipv6')
PRIVATE_ADDRESSES.addSubnet('fc00::', 7, 'ipv6')
PRIVATE_ADDRESSES.addSubnet('fe80::', 10, 'ipv6')

/**
 * Names outside the public DNS (.local covers .cluster.local); a name of a single label is resolved in the local
 * network.
 */
const PRIVATE_NAME = /^[^.]+$|\.(?:internal|local|localhost|svc)\.?$/

/**
 * True for loopback, private and link-local hosts, by the name or address alone: nothing is resolved.
 *
 * @param hostname as in a URL: in lower case, an IPv6 address in brackets
 */
export function isPrivateHost(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  const version = isIP(address)
  if (version !== 0) return PRIVATE_ADDRESSES.check(address, version === 6 ? 'ipv6' : 'ipv4')
  return PRIVATE_NAME.test(hostname)
}
