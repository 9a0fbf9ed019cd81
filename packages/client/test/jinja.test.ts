import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExactNumber, type Scalar } from '@confidant/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { FormatError } from '../src/format/formatter.js';
import { renderJinja } from '../src/format/jinja/render.js';
import { runCli } from './support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'confidant-jinja-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRETS = {
  a: 'v',
  html: `<a href="x">&'`,
  path: "a b/ü?&=+~!*'()",
  emoji: '😀x😀',
  empty: '',
  n: 7,
  exact: new ExactNumber('12345678901234567890'),
  big: new ExactNumber('-100000000000000000000'),
  float: 1.5,
  yes: true,
};

const TIMEOUT = 60_000;
const fill = (template: string, secrets: Record<string, Scalar> = SECRETS) =>
  renderJinja(template, secrets, { timeout: TIMEOUT });

describe('a template', () => {
  test('a template cannot run code through the constructor of a value', () => {
    const template = "{{ secrets.constructor.constructor('return process.exit(3)')() }}";
    expect(() => fill(template, { a: 'v' })).toThrow('the template failed');
  });

  test('a template that fails is reported without repeating a value', () => {
    const filling = (template: string) => () => fill(template, { a: 's3cret %y' });
    expect(filling('{{ secrets.a.nothing.at_all() }}')).toThrow(
      /^the template failed: line 1: secrets\.a has no nothing$/,
    );
    expect(filling('{% set a, b = secrets.a %}')).toThrow(
      /^the template failed: line 1: the number of names differs from the number of items$/,
    );
    expect(filling('{% if %}')).toThrow(/^the template is invalid/);
    for (const filter of [
      'format(1)',
      'abs',
      'indent([])',
      'items',
      'replace(1)',
      'first(secrets.a.b())',
      'trim(1, 2)',
    ]) {
      expect(filling(`{{ secrets.a|${filter} }}`)).toThrow(/^the template failed(?!.*s3cret)/s);
    }
    for (const expression of ['secrets.a + 1', '[1]|map(secrets.a)', '[{}]|selectattr(1, secrets.a)', '-secrets.a']) {
      expect(filling(`{{ ${expression} }}`)).toThrow(/^the template failed(?!.*s3cret)/s);
    }
  });
});

// The expected texts are those of Jinja2 3.1.6 for the same template and secrets.
describe('a template renders as in Jinja2', () => {
  test.each([
    ['{{ secrets.exact }} {{ secrets.a }}', '12345678901234567890 v'],
    [
      '{{ secrets.html|e }} {{ secrets.html | escape }}',
      Array(2).fill('&lt;a href=&#34;x&#34;&gt;&amp;&#39;').join(' '),
    ],
    [
      '{{ "<"|e|e }}{{ "<"|safe|e }}{{ "<"|e|forceescape }}{{ 5|e }}{{ true|e }}{{ none|e }}{{ nope|e }}',
      '&lt;<&amp;lt;5TrueNone',
    ],
    ['{{ secrets.a|first }}{{ secrets.emoji|first }}{{ secrets.emoji|last }}{{ secrets.empty|first }}|', 'v😀😀|'],
    [
      '{{ [3, 4]|first }}{{ [3, 4]|last }}{{ []|first }}{{ {"k": 1, "l": 2}|first }}{{ {"k": 1, "l": 2}|last }}',
      '34kl',
    ],
    ['{{ (secrets.a, [1])|last|last }}{{ nope|first }}{{ nope|last }}|', '1|'],
    ['{{ secrets.path|urlencode }}', 'a%20b/%C3%BC%3F%26%3D%2B~%21%2A%27%28%29'],
    ['{{ {"a b": "c/d", "e": 5}|urlencode }} {{ [("x", "y z")]|urlencode }}', 'a+b=c%2Fd&e=5 x=y+z'],
    ['{{ 5|urlencode }}{{ none|urlencode }}{{ nope|urlencode }}', '5None'],
    ['{{ "%s:%s"|format(secrets.a, secrets.n) }} {{ "%(x)s"|format(x=secrets.a) }} {{ "100%%"|format }}', 'v:7 v 100%'],
    ['{{ "%5s|%-5s|%05d|%+d|%x|%X|%o"|format("a", "b", 42, 7, 255, 255, 8) }}', '    a|b    |00042|+7|ff|FF|10'],
    [
      '{{ "%.2s %s %s %d %i %s %05d %-5d|"|format("abc", true, none, 3.9, -3.9, 1.5, -42, 7) }}',
      'ab True None 3 -3 1.5 -0042 7    |',
    ],
    ['{{ secrets.a|d("x") }}{{ nope|d("x") }}{{ nope|default }}{{ secrets.a|count }}', 'vx1'],
    ['{% filter e %}<{{ secrets.a }}>{% endfilter %}', '&lt;v&gt;'],
    ['{% filter upper %}a{{ secrets.a }}{% endfilter %}', 'AV'],
    ['a {% raw %}{{ x }} {% if %} {# c #} \\ \' "{% endraw %} b', 'a {{ x }} {% if %} {# c #} \\ \' " b'],
    ['a {%- raw -%}  x  {%- endraw -%} b{% raw %}{% endraw %}.', 'axb.'],
    ['a\n{% raw %}\n{{ x }}\n{% endraw %}\nb\n', 'a\n\n{{ x }}\n\nb'],
    ['{# {% raw %} #}{{ "{% raw %}" }}{{ secrets.a }}', '{% raw %}v'],
    [
      '{% for i in range(3) %}{{ i }}{% endfor %}{{ range(2, 8, 3)|list|last }}{{ range(5, 1, -2)|list|length }}',
      '01252',
    ],
    ['{{ range(100000)|length }}', '100000'],
    ['{{ [{"k": {}}]|map(attribute="x.y", default=1)|join }}', '1'],
    [
      '{{ secrets.html|e }} {{ secrets.html | escape }}',
      '&lt;a href=&#34;x&#34;&gt;&amp;&#39; &lt;a href=&#34;x&#34;&gt;&amp;&#39;',
    ],
    [
      '{{ "aBC"|capitalize }} {{ "it\'s an üBER-day (or (not)) [x]"|title }} {{ ""|capitalize }}|{{ "ünï"|capitalize }}',
      "Abc It's An Über-Day (Or (Not)) [X] |Ünï",
    ],
    [
      '{{ "0x1f"|int(0, 16) }} {{ "1_000"|int }} {{ "0b11"|int(base=0) }} {{ "z"|int(7, 36) }} {{ "x"|int(-1) }} {{ " -4.9 "|int }} {{ -3.9|int }} {{ "1e3"|int }} {{ "inf"|int(5) }} {{ none|int }} {{ true|int }} {{ "1__0"|int }}',
      '31 1000 3 35 -1 -4 -3 1000 5 0 1 0',
    ],
    [
      '{{ secrets.exact|int }} {{ secrets.exact + 1 }} {{ "12345678901234567890123"|int * 10 }} {{ "010"|int(0, 0) }} {{ "0_1"|int }} {{ \'0b1\'|int(0,16) }}',
      '12345678901234567890 12345678901234567891 123456789012345678901230 10 1 177',
    ],
    [
      '{{ "1_0.5"|float }} {{ "x"|float(2) }} {{ "x"|float }} {{ 3|float }} {{ "1e-7"|float }} {{ "1e16"|float }} {{ 0.00001 }} {{ "inf"|float }} {{ ".5"|float }} {{ "5."|float }}',
      '10.5 2 0.0 3.0 1e-07 1e+16 1e-05 inf 0.5 5.0',
    ],
    [
      '{{ ["b", "B", "a", 1, 1.0, true]|unique|join(",") }} {{ ["b", "B"]|unique(true)|join }} {{ [{"k": 1}, {"k": 1}]|unique(attribute="k")|list|length }} {{ "abAB"|unique|join }}',
      'b,a,1 bB 1 ab',
    ],
    [
      '{{ -7 % 3 }} {{ 7 % -3 }} {{ -7 // 2 }} {{ -7.5 % 2 }} {{ 1.0 // 0.1 }} {{ 7 / 2 }} {{ 2 ** 70 }} {{ 2 ** -1 }} {{ -7 // 2.0 }} {{ 0.1 + 0.2 }} {{ 10 - 12 * 2 }}',
      '2 -2 -4 0.5 9.0 3.5 1180591620717411303424 0.5 -4.0 0.30000000000000004 -14',
    ],
    [
      '{{ "<"|e|upper|e }} {{ ("<"|e|trim|e) }} {{ "<b>%s</b>"|safe|format("<") }} {{ "<"|e|title|e }} {{ "<"|e|replace("l", "m")|e }} {{ "a<\\nb"|e|indent|e }} {{ "<"|tojson|e }}{% set x = "<"|e %}{{ x|e }} {{ "<"|e|reverse|e }} {{ "<"|e|string|e }}',
      '&LT; &lt; <b>&lt;</b> &amp;lt; &amp;mt; a&lt;\n    b "\\u003c"&lt; ;tl& &lt;',
    ],
    [
      '{{ "</a>&\'\\"ü😀\\n"|tojson }} {{ [1, 1.5, none, true, "x"]|tojson }} {{ {"b": 1, "a": [1, {}], "c": []}|tojson }} {{ {"b": [1, 2], "a": {}}|tojson(indent=2) }} {{ 2.0|tojson }}',
      '"\\u003c/a\\u003e\\u0026\\u0027\\"\\u00fc\\ud83d\\ude00\\n" [1, 1.5, null, true, "x"] {"a": [1, {}], "b": 1, "c": []} {\n  "a": {},\n  "b": [\n    1,\n    2\n  ]\n} 2.0',
    ],
    [
      '{{ "%d %x %X %o"|format(secrets.exact, secrets.exact, 255, secrets.exact) }} {{ "%d"|format(10000000000000000000001) }} {{ \'%d\' % 3 if false else \'\' }}',
      '12345678901234567890 ab54a98ceb1f0ad2 FF 1255245230635307605322 10000000000000000000001 ',
    ],
    [
      '{{ 10000000000000000000000 }} {{ -10000000000000000000001 }} {{ 9007199254740993 + 0 }} {{ -9007199254740993 }} {{ 5 - 9007199254740993 }}',
      '10000000000000000000000 -10000000000000000000001 9007199254740993 -9007199254740993 -9007199254740988',
    ],
    [
      '{{ [{"k": 1, "n": "a"}, {"k": 2, "n": "b"}, {"n": "c"}]|selectattr("k", "equalto", 2)|map(attribute="n")|join }} {{ [{"k": 1, "n": "a"}, {"k": 2, "n": "b"}]|rejectattr("k", "equalto", 2)|map(attribute="n")|join }}',
      'b a',
    ],
    [
      '{{ [{"k": 1, "n": "a"}, {"k": 0, "n": "b"}, {"n": "c"}]|selectattr("k")|map(attribute="n")|join }}{{ [{"k": 1, "n": "a"}, {"k": 0, "n": "b"}, {"n": "c"}]|rejectattr("k")|map(attribute="n")|join }}{{ [{"k": 1, "n": "a"}, {"n": "c"}]|selectattr("k", "defined")|map(attribute="n")|join }}{{ [{"k": 1}, {"k": 3}]|selectattr("k", "gt", 2)|list|length }}{{ [{"k": {"l": 4}}]|map(attribute="k.l")|join }}{{ [{"k": 1}, {}]|map(attribute="k", default=9)|join }}{{ [{"k": 1}, {"k": 3}]|selectattr("k", "in", [3, 4])|list|length }}',
      'abca14191',
    ],
    ['{{ "xaxbx"|trim("x") }} {{ " a "|trim }}| {{ "😀a😀"|trim("😀") }} {{ 5|trim }} {{ ""|trim }}', 'axb a| a 5 '],
    [
      '{{ "abc"|reverse }} {{ "a😀"|reverse }} {{ [1, 2]|reverse|join }} {{ "abc"|list|join("-") }} {{ {"k": 1}|list|join }} {{ nope|list|length }} {{ "😀"|length }} {{ {"k": 1}|length }}',
      'cba 😀a 21 a-b-c k 0 1 1',
    ],
    [
      '{{ {"a": 1, "b": 2}|join(",") }} {{ "abc"|join("-") }} {{ [1, none, true, "x"]|join("|") }} {{ [{"k": 1}, {"k": 2}]|join(",", attribute="k") }} {{ [1, 2]|join(5) }}',
      'a,b a-b-c 1|None|True|x 1,2 152',
    ],
    [
      '{{ ["a", "b"]|map("upper")|join }} {{ ["a b", "c"]|map("replace", " ", "-")|join(",") }} {{ [1, 2]|map("string")|join }} {{ ["x"]|map("int", default=4)|first }}',
      'AB a-b,c 12 4',
    ],
    [
      '{{ {"b": 2, "A": 1, "c": 0}|dictsort|map("first")|join }} {{ {"b": 2, "A": 1, "c": 0}|dictsort(false, "value")|map("first")|join }} {{ {"b": 2, "A": 1, "C": 0}|dictsort(true)|map("first")|join }} {{ {"b": 2, "a": 1}|dictsort(reverse=true)|map("last")|join }}',
      'Abc cAb ACb 21',
    ],
    [
      '{% for k, v in {"b": 2, "a": 1}|dictsort %}{{ k }}{{ v }}{% endfor %} {% for k, v in {"b": 2}|items %}{{ k }}{{ v }}{% endfor %} {{ nope|items|list|length }}',
      'a1b2 b2 0',
    ],
    [
      '{{ [3, 1, 2]|sort|join }} {{ ["b", "A", "c"]|sort|join }} {{ ["b", "A"]|sort(case_sensitive=true)|join }} {{ [{"k": 2}, {"k": 1}]|sort(attribute="k")|map(attribute="k")|join }} {{ [1, 2]|sort(reverse=true)|join }} {{ "cab"|sort|join }} {{ ["😀", "\\uffff"]|sort|first|urlencode }}',
      '123 Abc Ab 12 21 abc %EF%BF%BF',
    ],
    ['a {%+ raw %}{{ x }}{% endraw %} {%+ if true %}y{%+ endif +%}{% if true +%} z{% endif %}', 'a {{ x }} y z'],
    [
      '{{ "%f %.2f %.0f %.0f %F %08.3f %+f %-10.1f|% f"|format(1, 2.675, 0.5, 2.5, 1.5, -3.14159, 2, 3.25, 5) }} {{ "%.3f"|format(0.0005) }} {{ "%f"|format(10000000000000000000000) }} {{ "%.1f"|format(0.25) }} {{ "%f"|format(true) }}',
      '1.000000 2.67 0 2 1.500000 -003.142 +2.000000 3.2       | 5.000000 0.001 10000000000000000000000.000000 0.2 1.000000',
    ],
    [
      '{{ "a\\n\\nb\\n"|indent }} {{ "a\\nb"|indent(2, true) }} {{ "a\\n\\nb"|indent(2, blank=true) }} {{ "a\\r\\nb"|indent("> ") }}',
      'a\n\n    b\n   a\n  b a\n  \n  b a\n> b',
    ],
    [
      '{{ "aaaa"|replace("a", "$&", 2) }} {{ "a.b"|replace(".", "x") }} {{ 515|replace(5, 6) }} {{ "aa"|replace("a", "b", count=1) }}',
      '$&$&aa axb 616 ba',
    ],
    [
      '{{ 7|upper }} {{ nope|upper }}| {{ none|lower }} {{ true|string }} {{ 1.5|string }} {{ -5|abs }} {{ -1.5|abs }} {{ true|abs }}',
      '7 | none True 1.5 5 1.5 1',
    ],
    [
      '{{ "a" ~ 1 ~ none ~ true ~ 1.0 }} {{ "a" + "b" }} {{ [([1] == [1])|string, (1 == "1")|string, (1 == 1.0)|string, ([1, [2]] == [1, [2]])|string, (1 in [1, 2])|string, ("a" not in "abc")|string, ("k" in {"k": 1})|string, (none == nope)|string, (true == 1)|string, ([1] < [2])|string, (not 0)|string]|join(" ") }}',
      'a1NoneTrue1.0 ab True False True True True False True False True True True',
    ],
    [
      '{{ "aBC dE".title() }} {{ "aBC".capitalize() }} {{ "xax".strip("x") }} {{ "xax".lstrip("x") }} {{ "xax".rstrip("x") }} {{ "aaa".replace("a", "b", 2) }} {{ "a b".split()|join(",") }} {{ "a".upper().lower() }} {{ {"k": 5}.get("k") }} {{ "it\'s".title() }}',
      "Abc De Abc a ax xa bba a,b a 5 It'S",
    ],
    [
      '{{ nope|d(default_value=3) }} {{ ""|d(4, true) }} {{ ""|d(5, boolean=true) }} {{ 0|d(6) }} {{ secrets.nope|default("x") }}',
      '3 4 5 0 x',
    ],
    [
      '{{ [(3 is odd)|string, (4 is even)|string, (-3 is odd)|string, (nope is defined)|string, (1 is number)|string, ("a" is string)|string, (1.0 is integer)|string, ("1" is lower)|string, ({} is mapping)|string, (none is not none)|string, (true is number)|string]|join(" ") }}',
      'True True True False True True False False True False True',
    ],
    [
      '{{ secrets.float }} {{ secrets.float + 1 }} {{ "%d"|format(secrets.float) }} {{ secrets.big }} {{ secrets.yes|string }} {{ secrets.big|abs }} {{ secrets.n + 1 }}',
      '1.5 2.5 1 -100000000000000000000 True 100000000000000000000 8',
    ],
    [
      '{{ 1.0 }} {{ 100000000000000000.0 }} {{ 123456789.125 }} {{ -0.0 }} {{ - 5 }} {{ -secrets.n }} {{ +secrets.n }} {{ 0.0001 }}',
      '1.0 1e+17 123456789.125 -0.0 -5 -7 7 0.0001',
    ],
    [
      '{{ {"b": 2}|first }}{{ ""|first }}{{ [1]|last }} {{ ["b", "a"]|map("first")|list|last }} {{ [[1, 2], [3, 4]]|map(attribute=0)|join }} {{ ["b", "a"]|map(attribute="x")|list|length }}',
      'b1 a 13 2',
    ],
    [
      '{{ [1, 2, 3]|length }}{{ (1, 2)|list|length }}{% for a in "ab"|list %}{{ a }}{% endfor %} {{ [none, none]|unique|list|length }} {{ "%s"|format("é"|e) }} {{ "%5s"|format("😀") }}|',
      '32ab 1 é     😀|',
    ],
    [
      '{{ 1e3 }} {{ 1.5e-3 }} {{ 1_000 }} {{ 0x1f }} {{ "\\x41\\101\\q\\u00fc" }} {{ "a" "b" }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1 + 2 * 3 ~ 4 if false else 1 ~ 2 * 3 }}',
      '1000.0 0.0015 1000 31 AA\\qü ab 64 4 16',
    ],
    [
      '{{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 1 is in [1, 2] }} {{ 2 is not eq 2 }} {{ 2.5 is odd }} {{ "a" if 3 is gt 2 else "b" }}',
      'true false true false false a',
    ],
    [
      '{% for c in "añ😀" %}{{ loop.index }}{{ c }}{{ loop.cycle("x", "y") }}{% endfor %} {{ "ab" * 2 }} {{ 2 * "a" }} {{ ([1] * 3)|join }} {{ "%s-%03d" % (secrets.a, 7) }} {{ "%(k)s" % {"k": 1} }}',
      '1ax2ñy3😀x abab aa 111 v-007 1',
    ],
    [
      '{{ "abcde"[1:3] }} {{ "abcde"[::-2] }} {{ [1, 2, 3][-2:]|join }} {{ [1, 2, 3][2:0:-1]|join }} {{ "a😀b"[1] }} {{ "a😀b"[-1] }} {{ [[1, 2]].0.1 }}',
      'bc eca 23 32 😀 b 2',
    ],
    [
      '{% set x = 1 %}{% for i in [1, 2] %}[{{ x }}]{% set x = 5 %}{% endfor %}{% filter upper %}{% set x = 6 %}a{% endfilter %}{% set y %}{% set x = 7 %}{% endset %}{{ x }}{% if true %}{% set x = 8 %}{% endif %}{{ x }}',
      '[1][1]A18',
    ],
    [
      '{% macro f(a, b="d", c=b) %}{{ a }}{{ b }}{{ c }}{{ x }}{% endmacro %}{% set x = 1 %}{% macro g() %}{% set x = 2 %}{{ f(3) }}{% endmacro %}{{ g() }} {{ f(*[4, 5], **{"c": 6}) }} {{ f(b=7) }}',
      '3dd1 4561 771',
    ],
    [
      '{% macro f(a) %}{{ a }}{{ varargs|join }}{{ kwargs.k }}{{ caller(8) if caller }}{% endmacro %}{{ f(1, 2, 3, k=4) }} {% call(n) f(5) %}[{{ n }}]{% endcall %}',
      '1234 5[8]',
    ],
    [
      '{% filter replace("a", "b")|upper %}aa{% endfilter %}{% set x | trim | length %} abc {% endset %}{{ x }}{% set (a, b), c = (1, 2), 3 %}{{ a }}{{ b }}{{ c }}{% for a, b in {"k": 1}.items() %}{{ a }}{{ b }}{% endfor %}',
      'BB3123k1',
    ],
    ['a\r\n{%- if true -%}\r\n b {#- c -#} c {{- 1 -}} d\n{%+ endif +%}\n', 'abc1d\n'],
    [
      '{{ "a,b,,c".split(",")|join("|") }} {{ "a,b,c".split(",", 1)|join("|") }} {{ " a  b c ".split(none, 1)|join("|") }} {{ "abc".startswith(("x", "ab"))|string }} {{ {"k": 1}.get("n", 2) }} {{ {"k": 1}.values()|list|first }} {{ dict([["k", 1]], l=2)|length }}',
      'a|b||c a|b,c a|b c  True 2 1 2',
    ],
    [
      '{{ secrets.__proto__ }}{{ secrets["constructor"] }}{{ {}.toString }}{{ "a".constructor }}{{ [].length }}{{ __proto__ }}{{ constructor }}{% set __proto__ = 3 %}{{ __proto__ }}{{ {"__proto__": 4}.__proto__ }}',
      '34',
    ],
  ])('%s', (template, filled) => {
    expect(fill(template)).toBe(filled);
  });
});

// Jinja2 raises UndefinedError for these.
describe('undefined values', () => {
  test.each([
    ['{{ secrets.nope.deep }}', 'secrets has no nope'],
    ["{{ secrets['nope']['deep'] }}", 'secrets has no nope'],
    ['{{ secrets.nope.deep is defined }}', 'secrets has no nope'],
    ['{{ secrets.nope.deep|default("x") }}', 'secrets has no nope'],
    ['{% if secrets.nope.deep %}{% endif %}', 'secrets has no nope'],
    ['{% for x in secrets.nope.items() %}{% endfor %}', 'secrets has no nope'],
    ['{{ secrets.nope[0] }}', 'secrets has no nope'],
    ['{{ secrets.nope[1:] }}', 'secrets has no nope'],
    ['{{ secrets.nope() }}', 'secrets has no nope'],
    ['{{ secrets.nope.upper() }}', 'secrets has no nope'],
    ['{{ secrets.a.nope() }}', 'secrets.a has no nope'],
    ['{{ secrets.a.b.c }}', 'secrets.a has no b'],
    ['{{ secrets.a[5][0] }}', 'secrets.a has no 5'],
    ['{{ [][0].x }}', 'a value has no 0'],
    ['{{ none.x.y }}', 'none has no x'],
    ['{{ nope.deep }}', 'nope is not defined'],
    ['{{ nope() }}', 'nope is not defined'],
    ['{% call nope() %}{% endcall %}', 'nope is not defined'],
    ['{{ ([]|first).x }}', 'an undefined value has no parts'],
    ['{{ secrets[secrets.a].x }}', 'an undefined value has no parts'],
    ['{{ (secrets.nope if false)() }}', 'an undefined value cannot be called'],
  ])('%s is an error: %s', (template, message) => {
    expect(() => fill(template)).toThrow(new FormatError(`the template failed: line 1: ${message}`));
  });

  test.each([
    ['{{ secrets.nope }}{{ secrets.a.b }}{{ secrets.n.x }}{{ secrets.a[5] }}|', '|'],
    ['{% for x in secrets.nope %}{{ x }}{% else %}none{% endfor %}', 'none'],
    ['{% for x in nope if x %}{{ x }}{% endfor %}|', '|'],
    ['{{ (secrets.nope|d({"deep": 4})).deep }}', '4'],
    ['{% if secrets.nope is defined and secrets.nope.deep %}{% endif %}|', '|'],
    ['{% for x in [1, 2] if x > 1 %}{{ x }}{% endfor %}', '2'],
  ])('an undefined value prints as nothing and loops over nothing: %s', (template, filled) => {
    expect(fill(template)).toBe(filled);
  });
});

describe('--strict', () => {
  const strict = (template: string) => renderJinja(template, SECRETS, { timeout: TIMEOUT, isStrict: true });

  test.each([
    ['{{ secrets.db_usr }}', 'secrets.db_usr is not defined'],
    ['{{ secrets.a.b }}', 'secrets.a.b is not defined'],
    ['{{ nope }}', 'nope is not defined'],
    ['{{ secrets["nope"] }}', 'secrets.nope is not defined'],
    ['{{ secrets[secrets.html] }}', 'a printed value is not defined'],
    ['{% for x in secrets.nope %}{% endfor %}', 'secrets.nope is not defined'],
    ['{{ secrets.nope|upper }}', 'secrets.nope is not defined'],
    ['{% if true %}{% for i in [1] %}{{ secrets.nope }}{% endfor %}{% endif %}', 'secrets.nope is not defined'],
  ])('--strict refuses %s, which renders as nothing otherwise', (template, message) => {
    expect(() => strict(template)).toThrow(new FormatError(`the template failed: line 1: ${message}`));
    expect(fill(template)).toBe('');
  });

  test('--strict accepts undefined values in defaults, tests and conditions', () => {
    const template =
      '{% set x = 1 %}{% macro f(y) %}{{ y }}{% endmacro %}{# c #}{{ secrets.nope|d("d") }}{{ nope|default }}' +
      '{% if secrets.nope is defined %}no{% endif %}{{ secrets.nope or "o" }}{{ f(x) }}{{ secrets.a }}{{ none }}{{ "" }}';
    expect(strict(template)).toBe('do1v');
  });

  test('confidant-format has the option --strict', async () => {
    const template = join(folder, 'strict.j2');
    writeFileSync(template, '{{ secrets.nope }}');
    const args = ['confidant-format', '--out-format', 'jinja', '--template', template];
    const stdin = '{"service": {"credentials": []}}';
    expect(await runCli(args, { stdin })).toMatchObject({ code: 0, stdout: '' });
    const end = await runCli([...args, '--strict'], { stdin });
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toContain('secrets.nope is not defined');
  });
});

describe('a fault in a template is reported with its line and reason', () => {
  test.each([
    ['x\n{{ secrets.a|b64encode }}', 'the template is invalid: line 2: there is no filter b64encode'],
    [
      '{% if false %}\n\n{{ secrets.a |wordwrap(3) }}{% endif %}',
      'the template is invalid: line 3: there is no filter wordwrap',
    ],
    ['{# |nope #}\n{% filter nope %}{% endfilter %}', 'the template is invalid: line 2: there is no filter nope'],
    [
      '{% for x in [1]|nope %}{% endfor %}\n{{ [{"k": "v"|nope}] }}',
      'the template is invalid: lines 1, 2: there is no filter nope',
    ],
    ['\n{{ secrets.a|abs }}', 'the template failed: line 2: the filter abs does not take a text'],
    [
      '{{ secrets.nope|urlencode|trim(1, side=2) }}',
      'the template failed: line 1: the filter trim takes only the arguments chars',
    ],
    ['{{ "%q"|format(1) }}', 'the template failed: line 1: the filter format does not support %q'],
    ['{{ "%c"|format(1) }}', 'the filter format does not support %c'],
    ['{{ "%r"|format(1) }}', 'the filter format does not support %r'],
    ['{{ "%#x"|format(1) }}', 'the filter format does not support %#x'],
    ['{{ range }}', 'the template failed: line 1: {{ }} does not take a function'],
    ['{{ [secrets.a.upper] }}', 'the template failed: line 1: {{ }} does not take a function'],
    ['{{ secrets.a + 1 }}', 'the template failed: line 1: the operator + does not take a text and a number'],
    ['{{ 1 / 0 }}', 'the template failed: line 1: the operator / divides by zero'],
    ['{{ 3 > 2 > 1 }}', 'chained comparisons (1 < x < 3) are not supported'],
    ['{{ [1]|map("nope") }}', 'the filter map needs the name of an existing filter'],
    ['{{ [1]|selectattr("a", "nope") }}', 'the filter selectattr needs the name of an existing test'],
    ['{% for i in [1] %}a{% break %}{% endfor %}', 'the template is invalid: line 1: there is no tag break'],
    ['{{ 1 is nope }}', 'the template is invalid: line 1: there is no test nope'],
    ['{% filter 5 %}x{% endfilter %}', 'the template is invalid: line 1: the name of a filter is missing'],
    ['{{ 1|f()() }}', 'the template is invalid: line 1: the name of a filter is missing'],
    ['{{', 'the template is invalid: line 1: {{ has no }}'],
    ['{{ "%s"|format }}', 'the template failed: line 1: the filter format has no fitting value for %s'],
    ['{{ "%s"|format(1, 2) }}', 'the template failed: line 1: the filter format gets more values than it uses'],
    ['{{ "%d"|format("5") }}', 'the template failed: line 1: the filter format has no fitting value for %d'],
    [
      '{{ "%999999999s"|format("5") }}',
      'the template failed: line 1: the filter format makes at most 10000 characters of one value',
    ],
    ['a\n{% if true %}\n{{ secrets.a.b.c }}{% endif %}', 'the template failed: line 3: secrets.a has no b'],
    [
      'a\n{# c\n #}{% if 1 %}\n{% elif 2 %}{% endif %}{{\n }}',
      'the template is invalid: line 4: something is missing before }}',
    ],
    ['a\n{% if false %}\n{% elif nope.x %}{% endif %}', 'the template failed: line 3: nope is not defined'],
    [
      '{% if true %}\n{% if true %}\n{{ 1 }}{% endif %}\n',
      'the template is invalid: line 1: {% if %} has no {% endif %}',
    ],
    [
      '\n{% for x in [1] %}\n{% endif %}',
      'line 3: {% endif %} comes before the {% endfor %} of the {% for %} in line 2',
    ],
    ['\n{% endif %}', 'line 2: {% endif %} has no {% if %}'],
    ['\n{% else %}', 'line 2: {% else %} has no {% if %}'],
    ['{% for x in [] %}{% elif x %}{% endfor %}', 'line 1: {% elif %} has no {% if %}'],
    [
      '{% if 1 %}{% else %}\n{% elif 2 %}{% endif %}',
      'line 2: {% elif %} comes after the {% else %} of the {% if %} in line 1',
    ],
    [
      '{% raw %}\n{% bogus %}{% endraw %}\n{% bogus %}',
      'line 3: there is no tag bogus; the tags are call, filter, for, ',
    ],
    ['\n{% generation %}', 'line 2: there is no tag generation'],
    ['{% %}', 'line 1: a {% %} tag has no name'],
    ['{% set x %}', 'line 1: {% set %} has no {% endset %}'],
    ['\n{{ secrets.a', 'line 2: {{ has no }}'],
    ['\n{{ "secrets.a }}', 'line 2: a quote in {{ is not closed'],
    ['\n{# c', 'line 2: {# has no #}'],
    ['{{ "{{" }}\n{{ secrets.a b }}', 'the template is invalid: line 2: b does not belong there'],
    ['{{ {"a": {"k": "{{"}} }}\n{{ secrets.a "b" }}', 'the template is invalid: line 2: a text does not belong there'],
    ['{{ 1 }}\n{{ 1 ? 2 }}', 'the template is invalid: line 2: unexpected character: ?'],
    ['{{ 1 }}\n{{ f(a=1, 2) }}', 'the template is invalid: line 2: positional arguments must come before keyword'],
    [
      '{% macro f() %}\n\n{{ 1 }}{% endmacro %}\n{{ f() ~ nope.x }}',
      'the template failed: line 4: nope is not defined',
    ],
    ['{% macro f() %}\n\n{{ nope.x }}{% endmacro %}\n{{ f() }}', 'the template failed: line 3: nope is not defined'],
    ['a\n{% raw %}{{ x }}', 'the template is invalid: line 2: {% raw %} has no {% endraw %}'],
  ])('%s gives: %s', (template, message) => {
    const end = message.includes('there is no filter') ? '; the filters are abs, ' : '';
    expect(() => fill(template)).toThrow(`${message}${end}`);
  });
});

const LONG = '"%9999s"|format("x")';
/** Makes a list that contains the same list many times, so that it prints as far more than takes to make it. */
const DOUBLED = `{% set ns = namespace(l=[${LONG}]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}`;

describe('limits of templates', () => {
  test.each([
    ['{% for i in range(1000000000) %}{{ i }}{% endfor %}', 'range() makes at most 100000 numbers'],
    ['{{ range(0, -1000000000, -1)|length }}', 'range() makes at most 100000 numbers'],
    [
      '{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}',
      'the template produces too much',
    ],
    [
      '{% set ns = namespace(t="x") %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}',
      'the operator ~ produces too much',
    ],
    [
      '{% set all = range(99999) %}{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = ns.l + [all[:]] %}{% endfor %}',
      'the template produces too much',
    ],
    [`${DOUBLED}{{ ns.l }}`, '{{ }} produces too much'],
    [`${DOUBLED}{{ ns.l|tojson }}`, 'the filter tojson produces too much'],
    [
      '{% set ns = namespace(l=1) %}{% for i in range(60) %}{% set ns.l = namespace(a=ns.l, b=ns.l) %}{% endfor %}{{ ns.l }}',
      '{{ }} does not take a namespace',
    ],
    ['{{ "a\nb\nc"|indent(170000000)|length }}', 'the filter indent produces too much'],
    [`{{ ${LONG}|replace(" ", ${LONG}) }}`, 'the filter replace produces too much'],
    [`{% set t = ${LONG} %}{{ t.replace(" ", t) }}`, 'the method replace produces too much'],
    [`{{ range(10000)|join(${LONG}) }}`, 'the filter join produces too much'],
    [`{% set f = ${LONG}|replace(" ", "%(x)9999s") %}{{ f|format(x=1) }}`, 'the filter format produces too much'],
    ['{{ [[[1]]]|tojson(indent=1000000000) }}', 'the filter tojson indents by at most 100'],
    ['{{ 10 ** 1000000000 }}', 'the operator ** produces a number with too many digits'],
    ['{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}', 'the template failed'],
  ])('%s fails before it takes all memory: %s', (template, message) => {
    expect(() => fill(template)).toThrow(message);
  });

  test.each([
    ['loops in loops', '{% set l = range(9999) %}{% for i in l %}{% for j in l %}{% endfor %}{% endfor %}'],
    ['searches in loops', '{% set l = range(99999) %}{% for i in l %}{% if -1 in l %}{% endif %}{% endfor %}'],
    ['comparisons of lists', `${DOUBLED}{% set m = ns.l %}${DOUBLED}{{ m == ns.l }}`],
    ['a long template', '{{ 1 }}'.repeat(500_000)],
  ])('a template that takes too long fails at the time limit: %s', (_, template) => {
    expect(() => renderJinja(template, SECRETS, { timeout: 200 })).toThrow(
      /^the template takes more than 0.2 seconds$/,
    );
  });

  test.each([
    ['terms', `{{ 1${'+1'.repeat(20_000)} }}`],
    ['filters', `{{ 1${'|abs'.repeat(20_000)} }}`],
    ['parentheses', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`],
  ])('a template that is nested too deeply fails with that reason: %s', (_, template) => {
    expect(() => fill(template)).toThrow(/^the template is nested too deeply$/);
  });

  test('many uses of an unknown filter are reported with the first five lines', () => {
    expect(() => fill('{{ 1|nope }}\n'.repeat(30_000))).toThrow('lines 1, 2, 3, 4, 5: there is no filter nope');
  });

  test('a number with too many digits is refused', () => {
    expect(() => fill(`{{ ${'9'.repeat(5000)} }}`)).toThrow(
      'the template is invalid: line 1: a number has too many digits',
    );
  });

  test.each([
    [
      'a list that is too long',
      '{{ range(1000000000)|list|length }}',
      'the template failed: line 1: range() makes at most 100000 numbers',
    ],
    [
      'a filter without a name',
      '{% filter 5 %}x{% endfilter %}',
      'the template is invalid: line 1: the name of a filter is missing',
    ],
    ['too many filters', `{{ 1${'|abs'.repeat(20_000)} }}`, 'the template is nested too deeply'],
  ])('confidant-format ends with exit code 1 and the reason for %s', async (_, text, message) => {
    const template = join(folder, 'template.j2');
    writeFileSync(template, text);
    const stdin = '{"service": {"credentials": []}}';
    const end = await runCli(['confidant-format', '--out-format', 'jinja', '--template', template], { stdin });
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toContain(`confidant-format: error: ${message}\n`);
  });
});
