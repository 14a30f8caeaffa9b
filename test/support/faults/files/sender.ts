import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc32ToHex } from '#core/loads/crc32.ts'
import { loadIdFor } from '#core/loads/load-id.ts'
import { exampleLoad } from '../../example-load.ts'
import { below, type Random, randomFrom } from '../../random.ts'
import { mix } from '../values.ts'
import { type Cargo, rowsOf } from './cargo.ts'
import { replay } from './operator.ts'
import type { Shipment } from './proof.ts'
import { fileDatasets } from './tables.ts'
import type { World } from './world.ts'
import { type Recipe, ways, writeFile } from './written.ts'

const forever = new AbortController().signal
const minute = 60_000
/**
 * Virtual milliseconds without a sign of life after which somebody looks: longer than any message is late and any
 * outage lasts, together.
 */
const longestSilence = 120 * minute
/** A load that was replayed so often goes nowhere. */
const mostReplays = 50

export interface SenderOptions {
  readonly rows: number
  readonly fileRows: number
  readonly chunkBytes: number
  readonly recipe: Recipe
  readonly onProgress: ((rows: number) => void) | undefined
}

/** Makes up files and sends them, each until its load is complete. */
export class FileSender {
  readonly shipments: Shipment[] = []
  rows = 0
  bytes = 0
  replays = 0
  readonly #world: World
  readonly #options: SenderOptions
  /** By dataset: the first key that no file has. */
  readonly #next = new Map<string, number>()

  constructor(world: World, options: SenderOptions) {
    this.#world = world
    this.#options = options
  }

  /** Sends one file after the other until there are enough rows. */
  async send(): Promise<void> {
    while (this.rows < this.#options.rows && this.#world.broken.length === 0) await this.#sendOne()
  }

  async #sendOne(): Promise<void> {
    const { clock, trouble } = this.#world
    const number = this.shipments.length + 1
    // What a file is, and what it meets, is settled by its number alone.
    const random = randomFrom(mix(this.#options.recipe.seed, number, 0))
    const cargo = this.#nextCargo(number, random)
    const load = this.#upload(cargo, random)
    trouble.plan(load, number)
    this.#tellOf(load)
    await this.#untilComplete(load, random)
    this.#options.onProgress?.(this.rows)
    await clock.sleep(below(random, 5000), forever)
  }

  #nextCargo(number: number, random: Random): Cargo {
    const { fileRows } = this.#options
    const dataset = [...fileDatasets.keys()][(number - 1) % fileDatasets.size]!
    const first = this.#next.get(dataset) ?? 1
    const fresh = Math.ceil(fileRows * (0.5 + random()))
    this.#next.set(dataset, first + fresh)
    // Keys of any file that was begun before: one that is complete, or one that is loaded at the same time.
    const earlier = this.shipments.filter(({ cargo }) => cargo.dataset === dataset)
    const of = random() < 0.7 ? earlier[below(random, earlier.length)]?.cargo : undefined
    const from = of && of.first + below(random, of.fresh)
    const again =
      of && from !== undefined ? { from, count: 1 + below(random, Math.min(of.first + of.fresh - from, fileRows >> 1)) } : undefined
    return { number, dataset, first, fresh, again }
  }

  /**
   * As the client and `complete-upload` leave it: the object is there, S3 tells of it, and the load is loading or
   * about to be.
   */
  #upload(cargo: Cargo, random: Random): string {
    const { objects, loads, clock } = this.#world
    const { recipe, chunkBytes } = this.#options
    // Every way goes to every dataset.
    const way = ways[Math.floor(cargo.number / fileDatasets.size) % ways.length]!
    const content = writeFile(recipe, cargo, way, chunkBytes)
    const id = loadIdFor('acme', cargo.dataset, `${recipe.seed}/${cargo.number}`)
    const objectKey = `acme/${cargo.dataset}/${id}`
    const { format, compression } = random() < 0.5 ? way : ({ format: 'auto', compression: 'auto' } as const)
    loads.items.set(
      id,
      exampleLoad({
        ...{ id, dataset: cargo.dataset, objectKey, format, compression, size: content.length, state: 'loading' },
        uploadedCrc32: crc32ToHex(crc32(content)),
        createdAt: new Date(clock.now()).toISOString(),
        expiresAt: new Date(clock.now() + 365 * 24 * 60 * minute).toISOString(),
        fingerprint: createHash('sha256').update(id).digest('hex'),
      }),
    )
    objects.set(objectKey, content)
    this.shipments.push({ cargo, load: id })
    this.rows += rowsOf(cargo)
    this.bytes += content.length
    this.#world.sent(cargo.dataset, rowsOf(cargo))
    return id
  }

  /** As S3 does. */
  #tellOf(id: string): void {
    const { objectKey: key, size } = this.#world.loads.items.get(id)!
    this.#world.planQueue.send(JSON.stringify({ Records: [{ s3: { object: { key, size } } }] }))
  }

  /**
   * Waits for the end of a load, and does what a person would: a load that has failed is replayed once its cause is
   * gone.
   */
  async #untilComplete(id: string, random: Random): Promise<void> {
    const { loads, clock, tables, objects, undelivered, broken } = this.#world
    const turn = this.#world.turn.bind(this.#world)
    let [seen, since, replays] = [loads.items.get(id)!, clock.now(), 0]
    for (;;) {
      await clock.sleep(1000, forever)
      const load = loads.items.get(id)!
      if (load.state === 'complete') return void objects.delete(load.objectKey)
      if (load !== seen) [seen, since] = [load, clock.now()]
      const silent = clock.now() - since > longestSilence
      if (silent && load.state !== 'failed' && !undelivered.has(id))
        return void broken.push(`load ${id} did not end: ${load.state}, ${load.committed} of ${load.planned} chunks`)
      if (load.state !== 'failed' && !silent) continue
      await clock.sleep(minute + below(random, minute), forever)
      await turn(() => tables.mend())
      if (loads.items.get(id) !== load || tables.isTroubled(load.dataset)) continue
      if (replays++ === mostReplays) return void broken.push(`load ${id} was replayed ${mostReplays} times: ${load.problem?.detail}`)
      this.replays++
      await replay(this.#world, id)
      since = clock.now()
    }
  }
}
