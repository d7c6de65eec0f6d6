// Notes and tags, of a call or of a contact. They are kept on its card.
import { html, useEffect, useState } from './lib/ui.js';
import { api, attempt } from './net.js';
import { me, supervises } from './state.js';
import { Confirm, agentName, day } from './parts.js';

// What is half written outlives the call, the screen and a reload.
const draft = at => sessionStorage.getItem('draft ' + at) ?? '';
const keepDraft = (at, text) => text ? sessionStorage.setItem('draft ' + at, text) : sessionStorage.removeItem('draft ' + at);
export const drafted = at => Boolean(draft(at));

// at is /v1/calls/{id} or /v1/contacts/{id}; what it has is in of.
export function Notes({ at, of, onChange }) {
  const [text, put] = useState(draft(at)), write = t => { put(t); keepDraft(at, t); }, [tag, name] = useState(''), [mine, keep] = useState(of);
  useEffect(() => keep(of), [of.notes?.map(n => n.id + n.text).join(), of.tags?.join()]);
  const again = async () => { const v = await attempt(() => api('GET', at)); if (v) keep(v); onChange?.(); };
  // What is written while the switch answers is not touched; what it refused comes back.
  const send = async (path, body, was, put) => { put(''); if (await attempt(async () => { await api('POST', at + path, body); return true; })) again(); else put(was); };
  const note = e => { e.preventDefault(); if (text.trim()) send('/notes', { text: text.trim() }, text, write); };
  const label = e => { e.preventDefault(); if (tag.trim()) send('/tags', { add: [tag.trim()] }, tag, name); };
  return html`<div class="stack">
    <div class="row">${(mine.tags ?? []).map(t => html`<span class="badge accent-tone" key=${t}>${t}<button class="link" aria-label=${`Take the tag ${t} off`} onClick=${() => send('/tags', { remove: [t] }, '', () => {})}>×</button></span>`)}
      <form class="row" onSubmit=${label}><input style="width:9rem" aria-label="New tag" placeholder="Add a tag" maxlength="64" value=${tag} onInput=${e => name(e.target.value)}/></form></div>
    <form class="stack" onSubmit=${note}><textarea aria-label="New note" placeholder="Write a note" maxlength="4000" value=${text} onInput=${e => write(e.target.value)} onKeyDown=${e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) note(e); }}></textarea>
      ${text.trim() && html`<button class="primary">Save the note</button>`}</form>
    ${(mine.notes ?? []).length > 0 && html`<ul class="stack">${[...mine.notes].reverse().map((n, i) => html`<li key=${n.id ?? i}><${Note} at=${at} note=${n} onDone=${again}/></li>`)}</ul>`}</div>`;
}

// Note is one of them. Who wrote it may change and delete it, and supervisors.
function Note({ at, note: n, onDone }) {
  const [text, write] = useState(null), [asks, ask] = useState(false), path = `${at}/notes/${encodeURIComponent(n.id)}`;
  const may = n.id && (supervises.value || n.by === me.value.agent), whose = `${agentName(n.by)}, ${day(n.at)}`;
  const save = async e => { e.preventDefault(); if (text.trim() && await attempt(async () => { await api('PATCH', path, { text: text.trim() }); return true; })) { write(null); onDone(); } };
  return html`<div class="row small muted"><span class="grow">${agentName(n.by)} · ${day(n.at)}${n.edited ? ` · changed ${day(n.edited)}${n.edited_by !== n.by ? ` by ${agentName(n.edited_by)}` : ''}` : ''}</span>
      ${may && text === null && html`<button class="link" aria-label=${`Change the note of ${whose}`} onClick=${() => write(n.text)}>Change</button><button class="link" aria-label=${`Delete the note of ${whose}`} onClick=${() => ask(true)}>Delete</button>`}</div>
    ${text === null ? html`<p style="white-space:pre-wrap;overflow-wrap:anywhere">${n.text}</p>` : html`<form class="stack" onSubmit=${save}><textarea aria-label="The note" maxlength="4000" ref=${el => { if (el && !el.dataset.seen) { el.dataset.seen = '1'; el.focus(); } }} value=${text} onInput=${e => write(e.target.value)} onKeyDown=${e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) save(e); if (e.key === 'Escape') { e.stopPropagation(); write(null); } }}></textarea>
      <div class="row"><button class="primary" disabled=${!text.trim()}>Save the change</button><button type="button" onClick=${() => write(null)}>Leave it</button></div></form>`}
    ${asks && html`<${Confirm} label="Delete this note?" text=${n.text.length > 200 ? n.text.slice(0, 200) + '…' : n.text} yes="Delete the note" onClose=${() => ask(false)} onYes=${() => attempt(async () => { await api('DELETE', path); onDone(); })}/>`}`;
}
