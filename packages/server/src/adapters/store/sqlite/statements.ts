import type { Database, Statement } from './schema.js';

/** The statements of the store, compiled once for its database. */
export function prepareAll(database: Database) {
  const prepare = (sql: string): Statement => database.prepare(sql);
  const listed = 'SELECT id, modified_date, body, last_decrypted_date FROM rows WHERE data_type = ?';
  const newestFirst = 'ORDER BY modified_date DESC, id DESC LIMIT ?';
  return {
    get: prepare('SELECT data_type, body, sealed, last_decrypted_date FROM rows WHERE id = ?'),
    getMany: prepare(`
      SELECT '[' || group_concat(
        '[' || json_quote(rows.id) || ',' || body || ',' || coalesce(sealed, 'null') || ',' || json_quote(last_decrypted_date) || ']'
      ) || ']'
      FROM json_each(?) AS wanted CROSS JOIN rows ON rows.id = wanted.value WHERE data_type = ?`),
    current: prepare('SELECT data_type, revision, last_decrypted_date FROM rows WHERE id = ?'),
    exists: prepare('SELECT 1 FROM rows WHERE id = ?'),
    insert: prepare(`
      INSERT OR REPLACE INTO rows (id, data_type, revision, modified_date, name, last_decrypted_date, body, sealed)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    holder: prepare('SELECT holder FROM names WHERE kind = ? AND name = ?'),
    claim: prepare('INSERT OR REPLACE INTO names (kind, name, holder) VALUES (?, ?, ?)'),
    release: prepare('DELETE FROM names WHERE kind = ? AND name = ? AND holder = ?'),
    list: prepare(`${listed} AND modified_date IS NOT NULL ${newestFirst}`),
    listAfter: prepare(`${listed} AND (modified_date, id) < (?, ?) ${newestFirst}`),
    changed: prepare('SELECT id, body FROM rows WHERE data_type = ? AND modified_date >= ?'),
    changedNames: prepare('SELECT id, name, modified_date FROM rows WHERE data_type = ? AND modified_date >= ?'),
    setLastDecrypted: prepare(
      'UPDATE rows SET last_decrypted_date = ? WHERE id = ? AND data_type = ? AND revision = ?',
    ),
  };
}
