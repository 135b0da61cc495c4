// Values turns a record's value into JSON, by its content-type header.

import avro from 'avsc'

const { SCHEMA_REGISTRY_URL: registry = '' } = process.env

// A long has 64 bits, more than a number of JavaScript.
const long = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE(),
  toBuffer: (n) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(n)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (n) => typeof n === 'bigint',
  compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1),
})

// Instant is a long of microseconds, which is text in JSON.
class Instant extends avro.types.LogicalType {
  _fromValue(value) {
    const micros = BigInt(value)
    const seconds = new Date(Number(micros / 1000000n) * 1000).toISOString().slice(0, 19)
    const rest = String(micros % 1000000n).padStart(6, '0').replace(/0+$/, '')
    return rest ? `${seconds}.${rest}Z` : `${seconds}Z`
  }
}

export class Values {
  #schemas = new Map() // id -> avsc's type

  // decode returns the value as JSON text, and parsed.
  async decode(value, contentType) {
    let text
    switch (contentType) {
      case 'application/json':
        text = value.toString() // kept byte for byte
        break
      case 'application/avro': {
        // A zero byte, four bytes of schema id, and the body.
        const type = await this.#schema(value.readInt32BE(1))
        text = jsonOf(type.fromBuffer(value.subarray(5)))
        break
      }
      default:
        throw new Error(`content-type "${contentType}" is not known to this program`)
    }
    return { text, row: JSON.parse(text) }
  }

  async #schema(id) {
    if (!this.#schemas.has(id)) {
      if (!registry) throw new Error('the value is Avro: set SCHEMA_REGISTRY_URL')
      const answer = await fetch(`${registry}/schemas/ids/${id}`)
      if (!answer.ok) throw new Error(`schema ${id}: the registry says ${answer.status}`)
      const { schema } = await answer.json()
      const options = { registry: { long }, logicalTypes: { 'timestamp-micros': Instant } }
      this.#schemas.set(id, avro.Type.forSchema(JSON.parse(schema), options))
    }
    return this.#schemas.get(id)
  }
}

// jsonOf is an Avro value as JSON text. A record's "extra" has, as JSON text, each
// member that has no field and each whose field can't give back its exact value.
function jsonOf(value) {
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = new Map()
  for (const [name, inner] of Object.entries(value)) {
    if (name !== 'extra' && inner !== null) members.set(name, jsonOf(inner))
  }
  for (const [name, text] of Object.entries(value.extra ?? {})) members.set(name, text)
  return `{${[...members].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}
