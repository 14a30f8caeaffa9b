import type { Dataset } from '#core/dataset/dataset.ts'
import { events } from './events.ts'
import { flights } from './flights.ts'
import { readings } from './readings.ts'

/** Every dataset of this deployment. Add yours here. */
const all: readonly Dataset[] = [flights, events, readings]

export const datasets: ReadonlyMap<string, Dataset> = new Map(all.map((d) => [d.name, d]))
