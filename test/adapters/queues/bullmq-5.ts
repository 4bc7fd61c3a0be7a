import { Queue, Worker } from 'bullmq-5'
import type { OpenRig } from '../queue-rig.ts'
import { openMajor, type BullMq } from './bullmq.ts'

/** For the worker's process: in the tests of that major, the name `bullmq` itself is that of BullMQ 5. */
// The rig uses members that both majors have.
export const openRig: OpenRig = (address) => openMajor({ Queue, Worker } as unknown as BullMq, address)
