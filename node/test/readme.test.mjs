// Programs that other people wrote for KafkaJS, with the import changed and the brokers' addresses.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

import { Program, testOnBoth } from './helper.mjs'

const readme = readFileSync(new URL('../node_modules/kafkajs/README.md', import.meta.url), 'utf8')
const [, example] = /```javascript\n(const \{ Kafka \}.*?)```/s.exec(readme)

testOnBoth('the example of KafkaJS’s README', async (t, brokers) => {
  const source = example
    .replace("require('kafkajs')", "require('ottla')")
    .replace(/brokers: \[.*\]/, `brokers: ${JSON.stringify(brokers)}`)
  assert.ok(source.includes('ottla') && source.includes(brokers[0]))
  const running = new Program(source)
  await running.says(/\{ partition: 0, offset: '\d+', value: 'Hello KafkaJS user!' \}\n/)
  // It goes on until it is told to end.
  running.kill('SIGINT')
  const { signal } = await running.end()
  assert.equal(signal, 'SIGINT')
})
