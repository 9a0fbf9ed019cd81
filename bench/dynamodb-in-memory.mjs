// A table that answers from memory, so that a benchmark measures the server and not the table. It checks no conditions and
// no signatures, and stores nothing durably: use it only for benchmarks.
import http from 'node:http';

const items = new Map();

const operations = {
  GetItem: ({ Key }) => ({ Item: items.get(Key.id.S) }),
  BatchGetItem: ({ RequestItems }) => {
    const [[table, { Keys }]] = Object.entries(RequestItems);
    return { Responses: { [table]: Keys.map(({ id }) => items.get(id.S)).filter(Boolean) }, UnprocessedKeys: {} };
  },
  PutItem: ({ Item }) => put(Item),
  TransactWriteItems: ({ TransactItems }) => {
    for (const { Put, Delete } of TransactItems) {
      if (Put) put(Put.Item);
      if (Delete) items.delete(Delete.Key.id.S);
    }
    return {};
  },
  Query: ({ ExpressionAttributeValues }) => {
    const values = Object.values(ExpressionAttributeValues).map((value) => value.S);
    return { Items: [...items.values()].filter((item) => values.includes(item.data_type.S)) };
  },
  DescribeTable: () => ({ Table: { TableStatus: 'ACTIVE' } }),
};

function put(item) {
  items.set(item.id.S, item);
  return {};
}

http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const operation = operations[request.headers['x-amz-target'].split('.')[1]];
      const answer = JSON.stringify(operation(JSON.parse(Buffer.concat(chunks).toString())));
      response.writeHead(200, {
        'content-type': 'application/x-amz-json-1.0',
        'content-length': Buffer.byteLength(answer),
      });
      response.end(answer);
    });
  })
  .listen(0, '127.0.0.1', function () {
    console.log(`listening http://127.0.0.1:${this.address().port}`);
  });
