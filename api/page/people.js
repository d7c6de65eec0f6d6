// People: the contacts. Search, look up, note, tag, merge, import, export, delete.
import { html, useEffect, useState } from './lib/ui.js';
import { admin, supervises, go, route } from './state.js';
import { api, attempt } from './net.js';
import { Icon, Avatar, Menu, Confirm, Dialog, number, day } from './parts.js';
import { Call } from './dial.js';
import { Notes } from './notes.js';
import { Row } from './calls.js';

const nameOf = p => p.name || number(p.numbers[0]) || 'No name';

export default function People({ path }) {
  return path[0] ? html`<${Person} key=${path[0]} id=${path[0]}/>` : html`<${List}/>`;
}

function List() {
  const [text, write] = useState(''), [kind, choose] = useState(''), [all, set] = useState(null), [adding, add] = useState(false), [importing, bring] = useState(false), [turn, again] = useState(0);
  useEffect(() => {
    const t = setTimeout(async () => { const q = new URLSearchParams({ limit: '100' }); if (text.trim()) q.set('q', text.trim()); if (kind) q.set('kind', kind); set(await attempt(() => api('GET', '/v1/contacts?' + q)) ?? []); }, all ? 200 : 0);
    return () => clearTimeout(t);
  }, [text, kind, turn]);
  return html`<div class="title"><h1 class="grow">People</h1><button onClick=${() => add(true)}>New</button>
      ${admin.value && html`<button onClick=${() => bring(true)}>Import</button><a class="button" href="/v1/contacts/export" download>Export</a>`}</div>
    <div class="filters" role="search"><label>Search<input value=${text} onInput=${e => write(e.target.value)} placeholder="Name, number, tag"/></label>
      <label>Kind<select value=${kind} onChange=${e => choose(e.target.value)}><option value="">All</option><option value="lead">Leads</option><option value="user">Users</option></select></label></div>
    ${!all ? html`<p class="muted">Loading…</p>` : all.length === 0 ? html`<div class="card empty"><${Icon} name="people"/><p>Nobody here${text || kind ? ' that fits' : ' yet'}.</p></div>` : html`<ul class="list">${all.map(p => html`<li key=${p.id}><a class="item" href=${'#/people/' + encodeURIComponent(p.id)}><${Avatar} name=${nameOf(p)}/><span class="cut"><span class="strong">${nameOf(p)}</span><br/><span class="sub num">${p.numbers.map(number).join(', ') || 'No number'}</span></span><span>${p.tags.slice(0, 3).map(t => html`<span class="badge accent-tone">${t}</span> `)}<span class="badge">${p.kind}</span></span></a></li>`)}</ul>`}
    ${adding && html`<${Edit} person=${{ name: '', numbers: [] }} onClose=${() => add(false)} onDone=${p => go('people/' + p.id)}/>`}
    ${importing && html`<${Import} onClose=${() => { bring(false); again(n => n + 1); }}/>`}`;
}

function Edit({ person, onClose, onDone }) {
  const [name, write] = useState(person.name), [numbers, set] = useState(person.numbers.join(', ')), [kind, choose] = useState(person.kind ?? 'lead');
  const save = async e => {
    e.preventDefault();
    const body = { name: name.trim(), kind, numbers: numbers.split(/[,;\n]/).map(n => n.trim()).filter(Boolean) };
    const p = await attempt(() => person.id ? api('PATCH', '/v1/contacts/' + encodeURIComponent(person.id), body) : api('POST', '/v1/contacts', body));
    if (p) { onClose(); onDone(p); }
  };
  return html`<${Dialog} label=${person.id ? 'Change' : 'New person'} onClose=${onClose}><form class="stack" onSubmit=${save}>
    <label class="field">Name<input value=${name} maxlength="128" onInput=${e => write(e.target.value)}/></label>
    <label class="field">Numbers, the main one first<input class="num" value=${numbers} placeholder="+1 415 555 0123, …" onInput=${e => set(e.target.value)}/></label>
    <label class="field">Kind<select value=${kind} onChange=${e => choose(e.target.value)}><option value="lead">Lead</option><option value="user">User</option></select></label>
    <button class="primary">Save</button></form><//>`;
}

function Import({ onClose }) {
  const [file, set] = useState(null), [result, say] = useState(null), [busy, wait] = useState(false);
  const send = async dry => {
    wait(true);
    const r = await attempt(async () => {
      const got = await fetch('/v1/contacts/import' + (dry ? '?dry_run=true' : ''), { method: 'POST', headers: { 'Content-Type': 'text/csv' }, body: await file.arrayBuffer() });
      const v = await got.json();
      if (!got.ok) throw new Error(v.detail ?? 'The file was not taken.');
      return v;
    });
    wait(false);
    say(r);
  };
  return html`<${Dialog} label="Import people from a CSV file" onClose=${onClose}>
    <label class="field">File<input type="file" accept=".csv,text/csv" onChange=${e => { set(e.target.files[0]); say(null); }}/></label>
    ${result && html`<div class=${'alert ' + (result.failed ? 'warn-tone' : 'go-tone')} role="status"><p>${result.dry_run ? 'Nothing was changed yet. ' : 'Done. '}${result.rows} lines: ${result.created} new, ${result.updated} changed, ${result.unchanged} as they were, ${result.failed} left out.</p>
      ${(result.errors ?? []).slice(0, 8).map(e => html`<p class="small">Line ${e.line}${e.column ? `, ${e.column}` : ''}: ${e.error}</p>`)}</div>`}
    <div class="row"><button disabled=${!file || busy} onClick=${() => send(true)}>Try it</button><button class="primary" disabled=${!file || busy} onClick=${() => send(false)}>Import them</button></div><//>`;
}

function Person({ id }) {
  const at = '/v1/contacts/' + encodeURIComponent(id);
  const [p, set] = useState(null), [wrong, say] = useState(''), [calls, have] = useState([]), [edit, change] = useState(false), [gone, ask] = useState(false), [merge, into] = useState(false);
  const load = async () => { try { set(await api('GET', at)); have(await api('GET', '/v1/records?limit=50&contact=' + encodeURIComponent(id))); } catch (e) { say(e.message); } };
  useEffect(() => { load(); }, [id]);
  if (!p) return html`${wrong ? html`<p class="alert" role="alert">${wrong}</p>` : html`<p class="muted">Loading…</p>`}`;
  return html`<div class="title"><a class="button icon plain" href="#/people" aria-label="Back to the people"><${Icon} name="back"/></a><${Avatar} name=${nameOf(p)}/><div class="grow"><h1>${nameOf(p)}</h1><p class="muted">${p.kind} · since ${day(p.made)}</p></div>
      <button onClick=${() => change(true)}>Change</button>${(supervises.value) && html`<${Menu} title="More" kind="icon plain" label="⋯"><button onClick=${() => into(true)}>Merge with another…</button>
        ${admin.value && html`<a class="button" href=${at + '/export'} download>Everything kept, as a file</a><button onClick=${() => ask(true)}><${Icon} name="trash"/>Delete</button>`}<//>`}</div>
    <div class="columns"><section class="stack"><h2>Calls</h2>${calls.length ? html`<ul class="list">${calls.map(c => html`<li key=${c.id}><${Row} card=${c}/></li>`)}</ul>` : html`<p class="muted">No calls that you may see.</p>`}</section>
      <div class="stack"><section class="card stack"><h2>Details</h2><dl class="facts">${p.numbers.map((n, i) => html`<dt>${i ? '' : 'Number'}</dt><dd><${Call} to=${n}>${number(n)}<//></dd>`)}${p.external_id && html`<dt>Id</dt><dd>${p.external_id}</dd>`}
        ${Object.entries(p.attributes ?? {}).map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl></section>
      <section class="card stack"><h2>Notes</h2><${Notes} at=${at} of=${p}/></section></div></div>
    ${edit && html`<${Edit} person=${p} onClose=${() => change(false)} onDone=${load}/>`}
    ${merge && html`<${Merge} person=${p} onClose=${() => into(false)} onDone=${load}/>`}
    ${gone && html`<${Confirm} label="Delete everything about this person?" text="The contact, its calls, recordings, notes and callbacks are deleted for good." yes="Delete all of it" onClose=${() => ask(false)} onYes=${() => attempt(async () => { await api('DELETE', at); go('people'); })}/>`}`;
}

function Merge({ person, onClose, onDone }) {
  const [text, write] = useState(''), [all, set] = useState([]);
  useEffect(() => { if (text.trim().length < 2) return set([]); const t = setTimeout(async () => set((await attempt(() => api('GET', '/v1/contacts?limit=10&q=' + encodeURIComponent(text.trim()))) ?? []).filter(p => p.id !== person.id)), 200); return () => clearTimeout(t); }, [text]);
  const take = async other => { if (await attempt(() => api('POST', `/v1/contacts/${encodeURIComponent(person.id)}/merge`, { from: other.id }))) { onClose(); onDone(); } };
  return html`<${Dialog} label=${`Merge another into ${nameOf(person)}`} onClose=${onClose}><input aria-label="Search" placeholder="Name or number" value=${text} onInput=${e => write(e.target.value)}/>
    <ul class="list">${all.map(p => html`<li class="item" key=${p.id}><${Avatar} name=${nameOf(p)}/><span class="cut">${nameOf(p)}<br/><span class="sub num">${p.numbers.map(number).join(', ')}</span></span><button onClick=${() => take(p)}>Merge</button></li>`)}</ul>
    <p class="small muted">Numbers, notes, tags and calls of the other become this one's. It cannot be undone.</p><//>`;
}
