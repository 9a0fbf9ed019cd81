import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExactNumber } from '@confidant/contract';
import { afterAll, describe, expect, it } from 'vitest';
import { renderJinja } from '../src/format/jinja.js';
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
};

describe('templates', () => {
  it('run no code: the constructor of a value is out of reach', () => {
    const template = "{{ secrets.constructor.constructor('return process.exit(3)')() }}";
    expect(() => renderJinja(template, { a: 'v' })).toThrow('the template failed');
  });

  it('a failure tells no value', () => {
    const fill = (template: string) => () => renderJinja(template, { a: 's3cret %y' });
    expect(fill('{{ secrets.a.nothing.at_all() }}')).toThrow(/^the template failed while it was filled in$/);
    expect(fill('{% if %}')).toThrow(/^the template is at fault/);
    for (const filter of ['format(1)', 'abs', 'indent("x")', 'join(5)', 'replace(1, 2)', 'first(secrets.a.b())']) {
      expect(fill(`{{ secrets.a|${filter} }}`)).toThrow(/^the template failed(?!.*s3cret)/s);
    }
  });
});

// What Jinja2 3.1.6 makes of the same template and secrets.
describe('as Jinja2 fills them in', () => {
  it.each([
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
  ])('%s', (template, filled) => {
    expect(renderJinja(template, SECRETS)).toBe(filled);
  });
});

describe('what a template can not have is told with its name and place', () => {
  it.each([
    ['x\n{{ secrets.a|b64encode }}', 'the template is at fault: line 2: there is no filter b64encode'],
    [
      '{% if false %}\n\n{{ secrets.a |wordwrap(3) }}{% endif %}',
      'the template is at fault: line 3: there is no filter wordwrap',
    ],
    ['{# |nope #}\n{% filter nope %}{% endfilter %}', 'the template is at fault: line 2: there is no filter nope'],
    [
      '{% for x in [1]|nope %}{% endfor %}\n{{ [{"k": "v"|nope}] }}',
      'the template is at fault: lines 1, 2: there is no filter nope',
    ],
    ['\n{{ secrets.n|upper }}', 'the template failed: line 2: the filter upper does not take a number'],
    [
      '{{ secrets.nope|urlencode|trim(1) }}',
      'the template failed: line 1: the filter trim does not take a text with these arguments',
    ],
    ['{{ "%q"|format(1) }}', 'the template failed: line 1: the filter format does not know %q'],
    ['{{ "%s"|format }}', 'the template failed: line 1: the filter format has not what %s asks for'],
    ['{{ "%s"|format(1, 2) }}', 'the template failed: line 1: the filter format is given more than is used'],
    ['{{ "%d"|format("5") }}', 'the template failed: line 1: the filter format has not what %d asks for'],
    [
      '{{ "%999999999s"|format("5") }}',
      'the template failed: line 1: the filter format makes at most 10000 characters of one value',
    ],
    ['a\n{% raw %}{{ x }}', 'the template is at fault: line 2: {% raw %} has no {% endraw %}'],
  ])('%s', (template, message) => {
    const end = message.includes('there is no filter') ? '; there are abs, ' : '';
    expect(() => renderJinja(template, SECRETS)).toThrow(`${message}${end}`);
  });
});

describe('a template that makes too much ends with an error, not with all memory', () => {
  it.each([
    ['{% for i in range(1000000000) %}{{ i }}{% endfor %}', 'range() makes at most 100000 numbers'],
    ['{{ range(0, -1000000000, -1)|length }}', 'range() makes at most 100000 numbers'],
    ['{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}', 'the template does too much'],
    [
      '{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}',
      'the template does too much',
    ],
    [
      '{% set ns = namespace(t="x") %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}',
      'the template does too much',
    ],
    [
      '{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [range(100000)] %}{% endfor %}',
      'the template does too much',
    ],
    ['{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}', 'the template failed'],
  ])('%s', (template, message) => {
    expect(() => renderJinja(template, SECRETS)).toThrow(message);
  });

  it('and exit code 1', async () => {
    const template = join(folder, 'huge.j2');
    writeFileSync(template, '{{ range(1000000000)|list|length }}');
    const stdin = '{"service": {"credentials": []}}';
    const end = await runCli(['confidant-format', '--out-format', 'jinja', '--template', template], { stdin });
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toContain(
      'confidant-format: error: the template failed: range() makes at most 100000 numbers\n',
    );
  });
});
