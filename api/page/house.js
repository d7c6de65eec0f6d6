// The house, for administrators: trunks, phones, calls, configuration. The page shows; the file is written elsewhere.
import { html, useEffect, useState } from './lib/ui.js';
import { api, attempt } from './net.js';
import { number, day, length, since, agentName, title } from './parts.js';
import { File } from './file.js';
import { Try } from './try.js';
import { Ladder } from './ladder.js';
import { Licences } from './licences.js';

export default function House({ path }) {
  if (path[0] === 'licences') return html`<${Licences}/>`;
  return path[0] === 'ladder' && path[1] ? html`<${Ladder} key=${path[1]} id=${path[1]}/>` : html`<${Overview}/>`;
}

const size = n => n >= 1e12 ? `${(n / 1e12).toFixed(1)} TB` : n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.ceil(n / 1e3)} kB`;

function Overview() {
  const [s, set] = useState(null), [who, sessions] = useState([]), [calls, ended] = useState([]), [disk, fill] = useState(null), [tried, attemptTrunk] = useState('');
  const load = async () => {
    const v = await attempt(() => api('GET', '/v1/status')); if (v) set(v);
    const l = await attempt(() => api('GET', '/v1/sessions')); if (l) sessions(l);
    const c = await attempt(() => api('GET', '/v1/records?limit=20')); if (c) ended(c);
  };
  useEffect(() => { load(); api('GET', '/v1/storage').then(fill, () => {}); const t = setInterval(load, 5000); return () => clearInterval(t); }, []);
  if (!s) return html`<p class="muted">Loading…</p>`;
  return html`<div class="title"><h1 class="grow">Switch</h1><span class="badge">${s.version}</span><span class="badge">started ${day(s.started)}</span><a class="button" href="#/house/licences">Licences</a></div>
    <div class="stack">
    <${File} running=${s.config}/>
    <section class="card scroll" tabindex="0" aria-label="Trunks"><h2>Trunks</h2><table class="table"><thead><tr><th>Trunk</th><th>State</th><th>Where</th><th>Calls</th><th><span class="sr">Orders</span></th></tr></thead><tbody>${s.trunks.map(t => html`<tr key=${t.id}><td>${t.id}</td><td><span class=${'badge ' + (t.up ? 'go-tone' : 'stop-tone')}>${t.state || (t.up ? 'up' : 'down')}</span> <span class="small muted">${t.why}${t.until ? `, registered until ${day(t.until)}` : ''}</span></td><td class="num">${t.target}</td><td class="num" style="white-space:nowrap">${t.calls} of ${t.max_calls}</td><td><button aria-label=${`Try it: ${t.id}`} onClick=${() => attemptTrunk(t.id)}>Try it</button></td></tr>`)}</tbody></table></section>
    <section class="card scroll" tabindex="0" aria-label="Phones"><h2>Phones</h2><table class="table"><thead><tr><th>Agent</th><th>Phone</th><th>Address</th><th>Contact</th><th>Since</th></tr></thead><tbody>${s.agents.flatMap(a => a.phones.length ? a.phones.map(p => html`<tr key=${a.id + p.uri}><td>${a.name}</td><td>${p.user_agent || 'Unknown'}</td><td class="num">${p.address || ''}</td><td class="num">${p.uri}</td><td>${p.static ? 'always' : day(p.since)}</td></tr>`) : [html`<tr key=${a.id}><td>${a.name}</td><td class="muted">None registered</td><td></td><td></td><td></td></tr>`])}</tbody></table></section>
    <section class="card scroll" tabindex="0" aria-label="Calls in progress"><h2>Calls in progress</h2>${s.calls.length ? html`<table class="table"><thead><tr><th>Caller</th><th>Dialled</th><th>State</th><th>Agent</th><th>For</th><th>Messages</th></tr></thead><tbody>${s.calls.map(c => html`<tr key=${c.id}><td><a href=${'#/calls/' + c.id}>${number(c.caller)}</a></td><td class="num">${number(c.dialled)}</td><td>${c.state}</td><td>${c.agent ? agentName(c.agent) : ''}</td><td class="num">${length(since(c.began))}</td><td><a href=${'#/house/ladder/' + c.id}>Ladder</a></td></tr>`)}</tbody></table>` : html`<p class="muted">None.</p>`}</section>
    <section class="card scroll" tabindex="0" aria-label="Last calls"><h2>Last calls</h2>${calls.length ? html`<table class="table"><thead><tr><th>Who</th><th>When</th><th>Ended</th><th>Messages</th></tr></thead><tbody>${calls.map(c => html`<tr key=${c.id}><td><a href=${'#/calls/' + c.id}>${title(c)}</a></td><td>${day(c.initiated)}</td><td>${c.ended_reason}</td><td><a href=${'#/house/ladder/' + c.id}>Ladder</a></td></tr>`)}</tbody></table>` : html`<p class="muted">None yet.</p>`}</section>
    ${disk && html`<section class="card" aria-label="Recordings"><h2>Recordings</h2><p>${disk.recordings} on disk, ${size(disk.bytes)}${disk.oldest ? `, since ${disk.oldest}` : ''}${disk.free_bytes ? `; ${size(disk.free_bytes)} are free` : ''}. ${disk.keep_days ? `They are kept for ${Math.round(disk.keep_days)} days.` : 'They are kept for ever.'}</p><p class="small muted" style="overflow-wrap:anywhere">${disk.folder}</p></section>`}
    <section class="card scroll" tabindex="0" aria-label="Signed in"><h2>Signed in</h2><table class="table"><thead><tr><th>Who</th><th>From</th><th>Last used</th><th><span class="sr">Orders</span></th></tr></thead><tbody>${who.map(x => html`<tr key=${x.id}><td>${x.account}</td><td class="num">${x.from}</td><td>${day(x.seen)}</td><td><button onClick=${() => attempt(async () => { await api('DELETE', '/v1/sessions/' + x.id); load(); })} aria-label=${`Sign out: ${x.account} at ${x.from}`}>Sign out</button></td></tr>`)}</tbody></table></section></div>
    ${tried && html`<${Try} trunk=${tried} onClose=${() => attemptTrunk('')}/>`}`;
}
