import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trackRequest, type JobLike } from '../src/adapters/pg-boss.ts'
import { isRegistryMissing, OutsideProject } from './outside-project.ts'

/** Versions of hosts that a program may have for another reason than our adapters, supported or not. */
const OTHERS = [
  'express@4',
  'fastify@4',
  'koa@2',
  'hono@3',
  '@nestjs/common@10',
  '@nestjs/core@10',
  'reflect-metadata@0.1',
  'rxjs@7',
  'bullmq@5',
  'pg-boss@12',
  'amqplib@0.8',
  'kafkajs@1',
  'nats@2.20.0',
  '@grpc/grpc-js@1.9.15',
  'pg@7',
  'mysql2@2',
]

describe.skipIf(isRegistryMissing())('beside the packed tarball', () => {
  let project: OutsideProject
  const versionOf = (name: string): string => {
    const lock = JSON.parse(readFileSync(join(project.folder, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>
    }
    return lock.packages[`node_modules/${name}`]?.version ?? 'missing'
  }

  beforeAll(() => void (project = new OutsideProject()))
  afterAll(() => project.remove())

  it('npm resolves any version of a host', () => {
    project.npm('install', '--package-lock-only', project.tarball, ...OTHERS)
    expect(versionOf('express')).toMatch(/^4\./)
    expect(versionOf('pg-boss')).toMatch(/^12\./)
  })
})

describe.skipIf(isRegistryMissing())('a host that is too old', () => {
  let project: OutsideProject
  const failureOf = (program: string): string => {
    project.write(
      'program.js',
      `${program.replace('RUN', 'const run =')}\nawait run().catch(({ code, message }) => console.log(code, message))`,
    )
    return project.node('program.js').trim()
  }

  beforeAll(() => {
    project = new OutsideProject()
    const packages = ['@grpc/grpc-js@1.9.15', '@nestjs/common@10', '@nestjs/core@10', 'reflect-metadata@0.1', 'rxjs@7']
    project.npm('install', '--ignore-scripts', project.tarball, ...packages)
  })
  afterAll(() => project.remove())

  it('is named by throughline/grpc', () => {
    expect(failureOf("RUN () => import('throughline/grpc')")).toBe(
      'THROUGHLINE_HOST_UNSUPPORTED throughline/grpc needs @grpc/grpc-js 1.10 or later',
    )
  })

  it('is named by throughline/nestjs', () => {
    const program = `import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { TrackRequestModule } from 'throughline/nestjs'
const shop = TrackRequestModule.forRoot({ service: 'shop' })
RUN () => NestFactory.createApplicationContext(shop, { logger: false, abortOnError: false })`
    expect(failureOf(program)).toBe('THROUGHLINE_HOST_UNSUPPORTED throughline/nestjs needs NestJS 11 or later')
  })
})

it('pg-boss before 10, which gives a handler one job, is named by throughline/pg-boss', () => {
  const work = trackRequest(() => expect.unreachable(), { service: 'worker', logger: false })
  // What the types forbid: programs in JavaScript have none.
  const oneJob = { id: 'a', name: 'orders', data: {} } as unknown as JobLike[]
  expect(() => work(oneJob)).toThrow('throughline/pg-boss needs pg-boss 10 or later')
})
