#!/usr/bin/env node
import { createRequire } from 'node:module'
import { isObject } from '../logs/is-object.ts'
import { processIo } from './io.ts'
import { run } from './program.ts'

// Loaded by name, because the command is at different depths in src and dist.
const manifest: unknown = createRequire(import.meta.url)('throughline/package.json')
const version = isObject(manifest) ? String(manifest.version) : ''

process.exitCode = await run(process.argv.slice(2), version, processIo)
