// Keeps a local SQLite table of the newest version of each company.
//
// Reads the career-sites topic and writes one row for each company id. What has been
// read is remembered in the table's own database, so a kill at any moment neither
// loses nor repeats a record. The progress topic says up to when the table is complete.
//
// Settings are in the environment, see README.md. --until-complete exits with 0 as
// soon as the table is complete, for cron jobs and tests.

import kafkajs from 'kafkajs'
import SnappyCodec from 'kafkajs-snappy'

import { Completion } from './completion.js'
import { Table } from './table.js'
import { Values } from './values.js'

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs
// The topics are compressed with snappy, which kafkajs does not read by itself.
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec

const {
  KAFKA_BROKERS: brokers = '127.0.0.1:9092',
  CAREER_SITES_TOPIC: careerSites = 'jobo.career-sites.v1',
  PROGRESS_TOPIC: progress = 'jobo.career-sites.progress.v1',
  TABLE: file = 'companies.db',
  GROUP_ID: groupId = 'example-node',
  BATCH_SIZE: batchSize = '500',
} = process.env
const untilComplete = process.argv.includes('--until-complete')
const CAREER_SITE = 'world.jobo.career-site.v1'

const kafka = new Kafka({ clientId: 'example-node', brokers: brokers.split(','), logLevel: logLevel.WARN })
const admin = kafka.admin()
// kafkajs knows only groups. This one has a single member, so it is assigned all
// partitions: give each table a GROUP_ID of its own. After a kill the brokers wait for
// the dead member, so both times are short.
const consumer = kafka.consumer({
  groupId,
  readUncommitted: false, // rows of aborted pages stay out
  sessionTimeout: 6000,
  rebalanceTimeout: 6000,
  heartbeatInterval: 1000,
  maxWaitTimeInMs: 500,
})
const table = new Table(file)
const values = new Values()
const completion = new Completion(careerSites, endOffsets)
const positions = new Map() // "topic/partition" -> the next offset, as a BigInt

// endOffsets lists the high watermark of each partition, as this call does. Not the
// last stable offset: rows that belong to a progress record may stand behind that one
// for a moment longer.
async function endOffsets() {
  const ends = new Map()
  for (const topic of [careerSites, progress]) {
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      ends.set(`${topic}/${partition}`, BigInt(high))
    }
  }
  return ends
}

// seekToTable lets the group begin where the table ends, whatever was committed to
// Kafka, and reads the progress topic, which is small, from its beginning. It runs
// between the join and the first fetch.
function seekToTable({ payload }) {
  for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
    for (const partition of partitions) {
      consumer.seek({ topic, partition, offset: String(positions.get(`${topic}/${partition}`)) })
    }
  }
}

// change returns the function that writes one record of the career-sites topic to the
// table.
async function change(message, partition) {
  const header = (name) => message.headers[name]?.toString() ?? null
  const type = header('ce_type') ?? CAREER_SITE
  if (type !== CAREER_SITE) return () => {} // later versions of the contract may add types: not ours
  const id = message.key.toString()
  const offset = BigInt(message.offset)
  if (message.value === null) return () => table.delete(id, offset) // a tombstone
  try {
    const { text, row } = await values.decode(message.value, header('content-type') ?? 'application/json')
    return () => table.upsert({
      id, name: row.name ?? null, ats: row.ats ?? null, updated_at: row.updated_at ?? null,
      event_id: header('ce_id'), event_time: header('ce_time'), value: text, partition, offset,
    })
  } catch (err) {
    throw new Error(`company ${id} at ${careerSites}/${partition} offset ${offset}: ${err.message}`)
  }
}

// takeSites applies records, and where they end, in transactions of BATCH_SIZE.
// What has to be waited for comes first: a transaction of this driver can't wait.
async function takeSites({ batch, heartbeat }) {
  const size = Number(batchSize)
  // When the group is joined anew, a batch may come once more.
  const at = positions.get(`${batch.topic}/${batch.partition}`)
  const messages = batch.messages.filter(({ offset }) => BigInt(offset) >= at)
  for (let from = 0; from < messages.length; from += size) {
    const chunk = messages.slice(from, from + size)
    const changes = []
    for (const message of chunk) changes.push(await change(message, batch.partition))
    const next = BigInt(chunk.at(-1).offset) + 1n
    table.transaction(() => {
      for (const apply of changes) apply()
      table.move(careerSites, batch.partition, next)
    })
    await heartbeat()
  }
}

async function takeProgress({ messages }) {
  for (const { value } of messages) {
    if (value !== null) await completion.progress(value.toString())
  }
}

// moved is told how far a partition was read, the markers of transactions included,
// which no message shows. It is called after each batch that was applied whole, and
// after one that holds nothing for us.
async function moved({ topic, partition, lastOffset }) {
  const next = BigInt(lastOffset) + 1n
  if (next <= positions.get(`${topic}/${partition}`)) return
  positions.set(`${topic}/${partition}`, next)
  if (topic === careerSites) {
    table.move(topic, partition, next)
    // For those who watch the group's lag. Nothing is ever resumed from it, so a commit
    // that fails is no harm.
    await consumer.commitOffsets([{ topic, partition, offset: String(next) }]).catch(() => {})
  }
  finished()
}

function finished() {
  completion.check(positions, () => table.count())
  if (untilComplete && completion.done) stop(0)
}

let stopping = false
async function stop(code, err) {
  if (stopping) return
  stopping = true
  if (err) console.error('careersites:', err.message)
  // A disconnect waits for the batch in hand, which may be the one that stops us.
  setImmediate(async () => {
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()])
    table.close()
    process.exit(code)
  })
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop(0))
consumer.on(consumer.events.GROUP_JOIN, seekToTable)
consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => moved(payload).catch((err) => stop(1, err)))
// kafkajs mends some crashes itself: it joins the group again.
consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || stop(1, payload.error))

await admin.connect()
for (const topic of [careerSites, progress]) {
  for (const { partition, low } of await admin.fetchTopicOffsets(topic)) {
    positions.set(`${topic}/${partition}`, BigInt(low))
  }
}
const read = table.positions(careerSites)
for (const [partition, next] of read) positions.set(`${careerSites}/${partition}`, next)
console.log(`${file}: ${table.count()} companies, read up to [${[...read.values()].join(', ')}]`)

await consumer.connect()
await consumer.subscribe({ topics: [careerSites, progress], fromBeginning: true })
await consumer.run({
  autoCommit: false,
  // An error in here would be tried again. One of the table or of a value stays.
  eachBatch: async (payload) => {
    try {
      await (payload.batch.topic === careerSites ? takeSites(payload) : takeProgress(payload.batch))
    } catch (err) {
      await stop(1, err)
      throw err
    }
  },
})
