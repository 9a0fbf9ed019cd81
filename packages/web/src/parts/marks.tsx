/** A hidden value: a bar of constant length, whatever it hides. */
export function Bar() {
  return (
    <>
      <span className="bar" aria-hidden="true" />
      <span className="sr">hidden</span>
    </>
  );
}

/** What this server cannot read. */
export function Seal() {
  return (
    <>
      <span className="seal" aria-hidden="true" />
      <span className="sr">encrypted</span>
    </>
  );
}

export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className="tags">
      {tags.map((tag) => (
        <span className="tag" key={tag}>
          <Plain text={tag} />
        </span>
      ))}
    </span>
  );
}

// Marks that turn the direction of writing, and characters that nobody sees, written as chips.
const UNSEEN =
  /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u115f\u1160\u2800\u3164\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}])/u;

/** The same where there is room for text alone: without what would mislead the eye. */
export function plainText(text: string): string {
  return text
    .split(UNSEEN)
    .filter((_, i) => i % 2 === 0)
    .join('');
}

/** Text that somebody else wrote: shown as it is, with what would mislead the eye spelled out. */
export function Plain({ text }: { text: string }) {
  if (!UNSEEN.test(text)) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {text
        .split(UNSEEN)
        .map((part, i) =>
          i % 2 === 0 ? (
            part
          ) : (
            <code key={i}>U+{part.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}</code>
          ),
        )}
    </bdi>
  );
}
