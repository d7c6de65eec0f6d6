// Notes and tags, of a call or of a contact. They are kept on its card.
import { html, useEffect, useState } from './lib/ui.js';
import { api, attempt } from './net.js';
import { Icon, agentName, day } from './parts.js';

// What is half written outlives the call, the screen and a reload.
const draft = at => sessionStorage.getItem('draft ' + at) ?? '';
const keepDraft = (at, text) => text ? sessionStorage.setItem('draft ' + at, text) : sessionStorage.removeItem('draft ' + at);
export const drafted = at => Boolean(draft(at));

// at is /v1/calls/{id} or /v1/contacts/{id}; what it has is in of.
export function Notes({ at, of, onChange }) {
  const [text, put] = useState(draft(at)), write = t => { put(t); keepDraft(at, t); }, [tag, name] = useState(''), [mine, keep] = useState(of);
  useEffect(() => keep(of), [of.notes?.length, of.tags?.join()]);
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
    ${(mine.notes ?? []).length > 0 && html`<ul class="stack">${[...mine.notes].reverse().map((n, i) => html`<li key=${i}><p class="small muted">${agentName(n.by)} · ${day(n.at)}</p><p style="white-space:pre-wrap;overflow-wrap:anywhere">${n.text}</p></li>`)}</ul>`}</div>`;
}
