#!/usr/bin/env node
import { createRequire } from 'node:module'
import { processIo } from './io.ts'
import { run } from './program.ts'

// By name, since the built command and its source lie at different depths.
const manifest: unknown = createRequire(import.meta.url)('throughline/package.json')
const version =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''

process.exitCode = await run(process.argv.slice(2), version, processIo)
