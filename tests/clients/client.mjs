// The official JavaScript client against a served engine: node client.mjs URL TOKEN
import assert from 'node:assert/strict'
import {InfluxDBClient, Point} from '@influxdata/influxdb3-client'

const [host, token] = process.argv.slice(2)
const client = new InfluxDBClient({host, token, database: 'js'})

const rows = async (sql, options) => {
  const found = []
  for await (const row of client.query(sql, 'js', options)) found.push(row)
  return found
}

await client.write('m,host=a f=1.5,i=2i 1700000000000000000')
await client.write([Point.measurement('m').setTag('host', 'b').setFloatField('f', 2.5).setTimestamp(1700000001000000000n)])

const all = await rows('SELECT host, f, i, time FROM m ORDER BY time')
assert.deepEqual(all.map((row) => [row.host, row.f]), [['a', 1.5], ['b', 2.5]])

const one = await rows('SELECT f FROM m WHERE host = $host', {type: 'sql', params: {host: 'b'}})
assert.deepEqual(one.map((row) => row.f), [2.5])

const points = []
for await (const point of client.queryPoints('SELECT * FROM m ORDER BY time', 'js')) points.push(point)
assert.equal(points.length, 2)

await assert.rejects(() => client.write('m f='), /No fields were provided|partial write|400|Bad Request/i)
await assert.rejects(() => rows('SELECT * FROM nope'), /not found/)

const wrong = new InfluxDBClient({host, token: 'wrong', database: 'js'})
await assert.rejects(() => wrong.write('m f=1'), /401|not authenticated|Unauthorized/i)
await wrong.close()

console.log(`JavaScript client: ${all.length + one.length + points.length} rows read, errors as they should be`)
await client.close()
