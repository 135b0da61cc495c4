// Completion knows from the progress topic up to when the table is complete.
//
// A progress record is committed in one transaction with rows, but the brokers make
// that visible partition by partition: it may be read before the rows are. So "done"
// counts once everything is read that was in the topics when it was seen.
export class Completion {
  #waiting = new Map() // feed -> { watermark, ends }
  #reached = false

  constructor(topic, endOffsets) {
    this.topic = topic
    this.endOffsets = endOffsets
  }

  async progress(value) {
    const record = JSON.parse(value)
    if (record.v > 1) throw new Error(`progress format ${record.v} is newer than this program, which reads 1`)
    // A window is a part of a backfill, and says nothing about the whole.
    if (record.phase === 'done' && !record.window && (record.topic ?? this.topic) === this.topic) {
      this.#waiting.set(record.feed, { watermark: record.watermark, ends: await this.endOffsets() })
    }
  }

  check(positions, count) {
    for (const [feed, { watermark, ends }] of this.#waiting) {
      if ([...ends].every(([place, end]) => positions.get(place) >= end)) {
        console.log(`complete up to ${watermark}: ${count()} companies (feed ${feed})`)
        this.#waiting.delete(feed)
        this.#reached = true
      }
    }
  }

  get done() {
    return this.#reached && this.#waiting.size === 0
  }
}
