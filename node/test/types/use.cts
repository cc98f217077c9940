// And through `require`.

import ottla = require('ottla')
import testing = require('ottla/testing')

async function main(): Promise<void> {
  const broker: testing.Broker = await testing.Broker.start()
  const admin = new ottla.Kafka({ brokers: broker.brokers }).admin()
  const created: boolean = await admin.createTopics({ topics: [{ topic: 't', numPartitions: 3 }] })
  const { topics } = await admin.fetchTopicMetadata({ topics: ['t'] })
  const leader: number = topics[0].partitions[0].leader
  console.log(created, leader)
}

void main()
