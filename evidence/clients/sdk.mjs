// The SDK for JavaScript with its document client, waiters and paginators.
import assert from 'node:assert/strict'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, paginateQuery, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand, BatchWriteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, TransactWriteCommand, UpdateCommand,
} from '@aws-sdk/lib-dynamodb'

const client = new DynamoDBClient({})
const documents = DynamoDBDocumentClient.from(client)
const TableName = `sdk-${crypto.randomUUID()}`

await client.send(new CreateTableCommand({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'B' }],
  KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
}))
await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName })

const sk = (n) => new Uint8Array([n])
const item = { pk: 'p', sk: sk(1), n: 1.5, nested: { list: ['a', null, false], set: new Set(['x', 'y']) } }
await documents.send(new PutCommand({ TableName, Item: item }))
assert.deepEqual((await documents.send(new GetCommand({ TableName, Key: { pk: 'p', sk: sk(1) }, ConsistentRead: true }))).Item, item)

await documents.send(new BatchWriteCommand({
  RequestItems: { [TableName]: Array.from({ length: 20 }, (_, i) => ({ PutRequest: { Item: { pk: 'p', sk: sk(i), n: i } } })) },
}))
const read = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: [{ pk: 'p', sk: sk(3) }], ProjectionExpression: 'n' } } }))
assert.deepEqual(read.Responses[TableName], [{ n: 3 }])

let count = 0
for await (const page of paginateQuery({ client, pageSize: 6 }, {
  TableName, KeyConditionExpression: 'pk = :p', ExpressionAttributeValues: { ':p': { S: 'p' } },
})) count += page.Count
assert.equal(count, 20)

const { Attributes } = await documents.send(new UpdateCommand({
  TableName, Key: { pk: 'p', sk: sk(3) }, UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': 1 }, ReturnValues: 'ALL_NEW',
}))
assert.equal(Attributes.n, 4)

const once = { TableName, Item: { pk: 'once', sk: sk(0) }, ConditionExpression: 'attribute_not_exists(pk)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
await documents.send(new TransactWriteCommand({ TransactItems: [{ Put: once }], ClientRequestToken: 'token' }))
await documents.send(new TransactWriteCommand({ TransactItems: [{ Put: once }], ClientRequestToken: 'token' }))
await assert.rejects(documents.send(new TransactWriteCommand({ TransactItems: [{ Put: once }] })), (error) =>
  error.name === 'TransactionCanceledException' && error.CancellationReasons[0].Code === 'ConditionalCheckFailed')
await client.send(new DeleteTableCommand({ TableName }))
