import { isPlainObject } from '@confidant/contract';
import type { Attribute, Item } from './items.js';

/** DynamoDB's own limit for lists and maps within each other. */
const MAX_DEPTH = 32;

type Check = (value: unknown) => boolean;

/** The members of an operation's response. Members that are not named here are ignored: AWS may add some. */
interface Shape {
  required?: Record<string, Check>;
  optional?: Record<string, Check>;
}

const isText: Check = (value) => typeof value === 'string';
const isTextList: Check = (value) => Array.isArray(value) && value.every(isText);

/** Whether a value is an attribute in DynamoDB's JSON: an object with one member, whose name is its type. */
function isAttribute(value: unknown, depth = 0): value is Attribute {
  if (!isPlainObject(value) || depth > MAX_DEPTH) return false;
  const members = Object.entries(value);
  if (members.length !== 1) return false;
  const [type, content] = members[0]!;
  switch (type) {
    case 'S':
    case 'N':
    case 'B':
      return typeof content === 'string';
    case 'BOOL':
    case 'NULL':
      return typeof content === 'boolean';
    case 'SS':
    case 'NS':
    case 'BS':
      return isTextList(content);
    case 'L':
      return Array.isArray(content) && content.every((member) => isAttribute(member, depth + 1));
    case 'M':
      return isPlainObject(content) && Object.values(content).every((member) => isAttribute(member, depth + 1));
    default:
      return false;
  }
}

function isItem(value: unknown): value is Item {
  return isPlainObject(value) && Object.values(value).every((attribute) => isAttribute(attribute));
}

const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isPlainObject(value) && Object.values(value).every(check);

const isConsumed: Check = (value) => isPlainObject(value) && typeof value['CapacityUnits'] === 'number';
const isKeyList: Check = (value) => isPlainObject(value) && listOf(isItem)(value['Keys']);

const WRITTEN: Shape = { optional: { Attributes: isItem, ConsumedCapacity: isConsumed } };

const SHAPES: Readonly<Record<string, Shape>> = {
  GetItem: { optional: { Item: isItem, ConsumedCapacity: isConsumed } },
  BatchGetItem: { required: { Responses: mapOf(listOf(isItem)) }, optional: { UnprocessedKeys: mapOf(isKeyList) } },
  Query: { required: { Items: listOf(isItem) }, optional: { LastEvaluatedKey: isItem } },
  PutItem: WRITTEN,
  UpdateItem: WRITTEN,
  DeleteItem: WRITTEN,
  TransactWriteItems: { optional: { ConsumedCapacity: listOf(isConsumed) } },
  BatchWriteItem: { required: { UnprocessedItems: mapOf(listOf(isPlainObject)) } },
  DescribeTable: { required: { Table: (table) => isPlainObject(table) && isText(table['TableStatus']) } },
  CreateTable: { required: { TableDescription: isPlainObject } },
};

/**
 * Whether the body of a 200 can be DynamoDB's response to `operation`. Proxies and captive portals answer 200 with
 * content of their own, which must not look like an absent row or a successful write. An operation all of whose members
 * are optional may answer `{}`, but not with unknown members alone.
 */
export function isDynamoAnswer(operation: string, answer: Readonly<Record<string, unknown>>): boolean {
  const { required = {}, optional = {} } = SHAPES[operation] ?? {};
  for (const [member, check] of Object.entries(required)) {
    if (!check(answer[member])) return false;
  }
  let isKnown = Object.keys(required).length > 0;
  for (const [member, check] of Object.entries(optional)) {
    const value = answer[member];
    if (value === undefined) continue;
    if (!check(value)) return false;
    isKnown = true;
  }
  return isKnown || Object.keys(answer).length === 0;
}

/**
 * Whether the response to a TransactWriteItems with `ReturnConsumedCapacity` proves that rows were written: DynamoDB
 * then reports what it cost.
 */
export function provesTransaction(answer: Readonly<Record<string, unknown>>): boolean {
  const consumed = answer['ConsumedCapacity'];
  return Array.isArray(consumed) && consumed.some((each: { CapacityUnits: number }) => each.CapacityUnits > 0);
}

/** A reason why a transaction was cancelled, one for each of its parts. */
export interface CancellationReason {
  Code?: string;
  Message?: string;
  Item?: Item;
}

/** The reasons in the body of a TransactionCanceledException; undefined unless there is one for each of the parts. */
export function cancellationReasons(
  answer: Readonly<Record<string, unknown>>,
  parts: number,
): CancellationReason[] | undefined {
  const reasons = answer['CancellationReasons'];
  return Array.isArray(reasons) && reasons.length === parts && reasons.every(isReason) ? reasons : undefined;
}

function isReason(value: unknown): value is CancellationReason {
  return (
    isPlainObject(value) &&
    [value['Code'], value['Message']].every((text) => text === undefined || text === null || isText(text)) &&
    (value['Item'] === undefined || value['Item'] === null || isItem(value['Item']))
  );
}
