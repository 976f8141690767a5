// ElectroDB and DynamoDB-Toolbox, on one table each.
import assert from 'node:assert/strict'
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand, BatchGetRequest, DeleteItemCommand, Entity as ToolboxEntity, GetItemCommand, PutItemCommand, QueryCommand, Table, UpdateItemCommand,
  $add, executeBatchGet, item, number, string,
} from 'dynamodb-toolbox'
import { Entity } from 'electrodb'

const client = new DynamoDBClient({})

async function createTable(name) {
  await client.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['pk', 'sk', 'gpk', 'gsk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
    GlobalSecondaryIndexes: [{
      IndexName: 'by-g', Projection: { ProjectionType: 'ALL' },
      KeySchema: [{ AttributeName: 'gpk', KeyType: 'HASH' }, { AttributeName: 'gsk', KeyType: 'RANGE' }],
    }],
  }))
}

async function electrodb() {
  const table = `electro-${crypto.randomUUID()}`
  await createTable(table)
  const Order = new Entity({
    model: { entity: 'order', version: '1', service: 'shop' },
    attributes: {
      customer: { type: 'string' }, order: { type: 'string' }, status: { type: ['open', 'done'] }, total: { type: 'number' },
      tags: { type: 'set', items: 'string' },
    },
    indexes: {
      primary: { pk: { field: 'pk', composite: ['customer'] }, sk: { field: 'sk', composite: ['order'] } },
      byStatus: { index: 'by-g', pk: { field: 'gpk', composite: ['status'] }, sk: { field: 'gsk', composite: ['order'] } },
    },
  }, { client, table })
  const orders = Array.from({ length: 40 }, (_, i) => ({ customer: 'ada', order: String(i).padStart(2, '0'), status: i % 2 ? 'open' : 'done', total: i }))
  const { unprocessed } = await Order.put(orders).go()
  assert.deepEqual(unprocessed, [])
  assert.equal((await Order.query.byStatus({ status: 'open' }).begins({ order: '1' }).go()).data.length, 5)
  assert.equal((await Order.query.primary({ customer: 'ada' }).between({ order: '10' }, { order: '14' }).where(({ total }, { gt }) => gt(total, 12)).go()).data.length, 2)
  assert.equal((await Order.get(orders.slice(0, 3)).go()).data.length, 3)
  const updated = await Order.patch({ customer: 'ada', order: '01' }).add({ total: 5, tags: ['a'] }).set({ status: 'done' }).go({ response: 'all_new' })
  assert.equal(updated.data.total, 6)
  await assert.rejects(Order.create(orders[0]).go(), /conditional request failed/)
  const transaction = await Order.query.primary({ customer: 'ada' }).go({ limit: 10 })
  assert.ok(transaction.cursor)
  await Order.delete({ customer: 'ada', order: '00' }).go()
  assert.equal((await Order.get({ customer: 'ada', order: '00' }).go()).data, null)
}

async function toolbox() {
  const name = `toolbox-${crypto.randomUUID()}`
  await createTable(name)
  const table = new Table({
    documentClient: DynamoDBDocumentClient.from(client), name,
    partitionKey: { name: 'pk', type: 'string' }, sortKey: { name: 'sk', type: 'string' },
    indexes: { 'by-g': { type: 'global', partitionKey: { name: 'gpk', type: 'string' }, sortKey: { name: 'gsk', type: 'string' } } },
  })
  const Order = new ToolboxEntity({
    name: 'Order', table,
    schema: item({ pk: string().key(), sk: string().key(), gpk: string(), gsk: string(), total: number() }),
  })
  for (const sk of ['a', 'b', 'c']) {
    await Order.build(PutItemCommand).item({ pk: 'ada', sk, gpk: 'open', gsk: sk, total: 1 }).send()
  }
  await Order.build(UpdateItemCommand).item({ pk: 'ada', sk: 'b', total: $add(4) }).send()
  assert.equal((await Order.build(GetItemCommand).key({ pk: 'ada', sk: 'b' }).options({ consistent: true }).send()).Item.total, 5)
  const found = await table.build(QueryCommand).query({ index: 'by-g', partition: 'open', range: { gte: 'b' } }).entities(Order)
    .options({ filters: { Order: { attr: 'total', gt: 1 } } }).send()
  assert.deepEqual(found.Items.map(({ sk }) => sk), ['b'])
  const { Responses } = await executeBatchGet(table.build(BatchGetCommand).requests(Order.build(BatchGetRequest).key({ pk: 'ada', sk: 'a' })))
  assert.equal(Responses[0][0].sk, 'a')
  await assert.rejects(
    Order.build(PutItemCommand).item({ pk: 'ada', sk: 'a', gpk: 'open', gsk: 'a', total: 1 }).options({ condition: { attr: 'pk', exists: false } }).send(),
    (error) => error instanceof ConditionalCheckFailedException)
  await Order.build(DeleteItemCommand).key({ pk: 'ada', sk: 'a' }).send()
}

await Promise.all([electrodb(), toolbox()])
