// Values turns a record's value into JSON, by its content-type header.
export class Values {
  // decode returns the value as JSON text, and parsed.
  async decode(value, contentType) {
    if (contentType !== 'application/json') throw new Error(`content-type "${contentType}" is not known to this program`)
    const text = value.toString() // kept byte for byte
    return { text, row: JSON.parse(text) }
  }
}
