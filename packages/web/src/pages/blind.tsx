import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { blindQuery } from '../api/queries.js';
import { Command } from '../parts/command.js';
import { Documentation, Metadata } from '../parts/documentation.js';
import { Plain, Seal } from '../parts/marks.js';
import { Failed, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { UsedBy } from '../parts/used-by.js';
import { Views } from '../parts/views.js';
import { By, count, When } from '../parts/when.js';

/** A blind credential: what it holds is encrypted, for this page too. */
export function BlindPage() {
  const { id } = useParams({ from: '/blind/$id' });
  const { data, error, isPending, refetch } = useQuery(blindQuery(id));
  useTitle(data?.name ?? 'Blind credential', 'Credentials');
  if (isPending || data === undefined) {
    return (
      <main className="page">
        <h1 className="sr">Blind credential</h1>
        {isPending ? <Waiting /> : <Failed error={error} what="blind credential" retry={() => void refetch()} />}
      </main>
    );
  }
  const keys = data.credential_keys;
  const regions = Object.keys(data.data_key);
  return (
    <main className="page">
      <div className="head">
        <div>
          <span className="crumb">
            <Link to="/credentials">Credentials</Link>
          </span>
          <h1 className="title">
            <Plain text={data.name} />
          </h1>
          <p className="facts">
            {data.enabled ? 'Enabled' : 'Disabled'}
            <span className="dot">·</span>blind<span className="dot">·</span>revision {data.revision}
            <span className="dot">·</span>changed <When date={data.modified_date} /> by <By name={data.modified_by} />
          </p>
        </div>
      </div>
      <Views kind="blind_credentials" id={id} here="now" />
      <div className="two">
        <div className="stack">
          <section>
            <div className="sub">
              <h2 className="sr">Values</h2>
              <span className="quiet">
                {keys.length === 0 ? 'The keys were kept from the server too' : count(keys.length, 'key')}
              </span>
            </div>
            <div className="pairs" translate="no">
              {keys.map((key) => (
                <div className="pair" key={key}>
                  <div className="key">
                    <Plain text={key} />
                  </div>
                  <div className="val">
                    <Seal />
                  </div>
                </div>
              ))}
            </div>
            <p className="note">
              Encrypted before it came here. This server cannot read it, and neither can this page.
            </p>
          </section>
          <section>
            <div className="sub">
              <h2>Encryption</h2>
            </div>
            <p>
              {data.cipher_type ?? 'An unknown cipher'}
              {data.cipher_version !== null && `, version ${data.cipher_version}`}, for{' '}
              {regions.join(', ') || 'no region'}.
            </p>
          </section>
          <Documentation text={data.documentation} />
          <Metadata metadata={data.metadata} />
        </div>
        <div className="side">
          <UsedBy kind="blind_credentials" id={id} name={data.name} />
          <section>
            <h2>Command line</h2>
            <Command words={['confidant', 'get_blind_credential', '--id', id, '--decrypt-blind']} />
            <p className="note">Decrypting needs access to the credential&apos;s own KMS key.</p>
          </section>
        </div>
      </div>
    </main>
  );
}
