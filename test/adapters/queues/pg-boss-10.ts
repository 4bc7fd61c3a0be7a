import type { OpenRig } from '../queue-rig.ts'
import { majors } from './pg-boss-majors.ts'
import { openMajor } from './pg-boss.ts'

export const openRig: OpenRig = (address) => openMajor(majors[10], address)
