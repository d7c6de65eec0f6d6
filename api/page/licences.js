// The licences of what the switch and its page contain of others, in their own words.
import { html, useEffect, useState } from './lib/ui.js';
import { Icon } from './parts.js';

const files = [['/lib/MODULES.txt', 'In the switch'], ['/lib/LICENSES.txt', 'In this page']];

// sections are what begins with a line "== name version (licence)".
const sections = text => text.split(/^== /m).slice(1).map(s => {
  const [head, ...rest] = s.split('\n'), [, name, version, kind] = /^(\S+) (\S+)(?: \((.*)\))?$/.exec(head) ?? [null, head, '', ''];
  return { name, version, kind, text: rest.join('\n').trim() };
});

export function Licences() {
  const [all, set] = useState(null), [wrong, say] = useState('');
  useEffect(() => { Promise.all(files.map(async ([path, title]) => {
    const r = await fetch(path);
    if (!r.ok) throw new Error(`${path}: the switch answered ${r.status}`);
    return { title, list: sections(await r.text()) };
  })).then(set, e => say(e.message)); }, []);
  return html`<div class="title"><a class="button icon plain" href="#/house" aria-label="Back to the switch"><${Icon} name="back"/></a><h1 class="grow">Licences</h1></div>
    ${wrong && html`<p class="alert" role="alert">${wrong}</p>`}
    ${!all && !wrong && html`<p class="muted">Loading…</p>`}
    <div class="stack">${all?.map(f => html`<section key=${f.title} aria-label=${f.title}><h2 style="margin-bottom:.5rem">${f.title} <span class="muted small">${f.list.length}</span></h2>
      <ul class="list">${f.list.map(l => html`<li key=${l.name} style="padding:.5rem 1rem"><details><summary style="overflow-wrap:anywhere">${l.name} <span class="muted small num">${l.version}</span>${l.kind && html` <span class="badge">${l.kind}</span>`}</summary><pre class="small" style="white-space:pre-wrap;overflow-wrap:anywhere">${l.text}</pre></details></li>`)}</ul></section>`)}</div>`;
}
