import { stringifyJson } from '@confidant/contract/wire';
import { Plain } from './marks.js';

export function Documentation({ text }: { text: string | null }) {
  if (text === null || text.trim() === '') return null;
  return (
    <section>
      <div className="sub">
        <h2>Documentation</h2>
      </div>
      <div className="doc">
        {text.split(/\n{2,}/).map((paragraph, i) => (
          <p key={i}>
            <Plain text={paragraph} />
          </p>
        ))}
      </div>
    </section>
  );
}

export function Metadata({ metadata }: { metadata: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  return (
    <section>
      <div className="sub">
        <h2>Metadata</h2>
      </div>
      <dl className="meta">
        {entries.map(([key, value]) => (
          <div key={key} className="contents">
            <dt>
              <Plain text={key} />
            </dt>
            <dd>{typeof value === 'string' ? <Plain text={value} /> : <code>{stringifyJson(value)}</code>}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
