// The configuration's file: what is wrong in it, and how it differs from what runs. It is read again when asked.
import { html, useEffect, useState } from './lib/ui.js';
import { api } from './net.js';
import { Confirm, day } from './parts.js';

const place = p => p.line ? `${p.file}:${p.line}:${p.column}` : p.file;
const changed = n => n === 1 ? '1 change is' : `${n} changes are`;
const Lines = ({ label, all }) => all?.length > 0 && html`<div><h3>${label}</h3><ul class="small">${all.map((x, i) => html`<li key=${i} style="overflow-wrap:anywhere">${x}</li>`)}</ul></div>`;
const Found = ({ all, tone }) => all.map((p, i) => html`<div class=${'alert ' + tone} key=${i} style="overflow-wrap:anywhere"><p class="num small">${place(p)}</p><p>${p.key && html`<strong>${p.key}</strong>${' '}`}${p.what}</p></div>`);

export function File({ running }) {
  const [c, set] = useState(null), [wrong, say] = useState(''), [done, tell] = useState(null), [sure, ask] = useState(false), [busy, wait] = useState(false);
  const look = async () => { wait(true); tell(null); try { set(await api('GET', '/v1/config')); say(''); } catch (e) { say(e.message); } wait(false); };
  useEffect(() => { look(); }, [running]);
  const reload = async () => { wait(true); let r; try { r = { ok: await api('POST', '/v1/reload') }; } catch (e) { r = { wrong: e.message }; } await look(); tell(r); };
  return html`<section class="card stack" aria-label="Configuration"><div class="row"><h2 class="grow">Configuration</h2><button disabled=${busy} onClick=${look}>Look at the file</button>
      <button class="primary" disabled=${busy || !c || c.problems.length > 0} title=${c?.problems.length ? 'The file has problems: a reload would refuse it' : ''} onClick=${() => ask(true)}>Reload…</button></div>
    ${wrong && html`<p class="alert" role="alert">${wrong}</p>`}
    ${c && html`<p class="small muted" style="overflow-wrap:anywhere">${c.file}${c.changed ? `, written ${day(c.changed)}` : ''} · running ${c.running.slice(0, 8)}${c.on_disk ? `, on disk ${c.on_disk.slice(0, 8)}` : ''}</p>
      <${Found} all=${c.problems} tone=""/><${Found} all=${c.warnings} tone="warn-tone"/>
      <${Lines} label="A reload changes" all=${c.changes}/><${Lines} label="Waits for a restart" all=${c.restart}/>
      ${!c.problems.length && !c.changes.length && !c.restart.length && html`<p class="muted">The file is what runs.</p>`}`}
    <div role="status">${done && (done.wrong ? html`<p class="alert" style="white-space:pre-wrap">${done.wrong}</p>` : html`<p class="alert go-tone">Reloaded: ${changed(done.ok.applied?.length ?? 0)} in force.</p>`)}</div>
    ${sure && html`<${Confirm} label="Reload the configuration?" text="Calls in progress are not touched. Who asked is kept in the journal." yes="Reload" onClose=${() => ask(false)} onYes=${reload}/>`}</section>`;
}
