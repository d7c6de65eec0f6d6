// The house, for administrators: trunks, phones, calls, configuration. The page shows; the file is written elsewhere.
import { html, useEffect, useState } from './lib/ui.js';
import { api, attempt } from './net.js';
import { Icon, Confirm, number, day, length, since, agentName } from './parts.js';
import { toast } from './state.js';

export default function House() {
  const [s, set] = useState(null), [who, sessions] = useState([]), [done, tell] = useState(null), [busy, wait] = useState(false);
  const load = async () => { const v = await attempt(() => api('GET', '/v1/status')); if (v) set(v); const l = await attempt(() => api('GET', '/v1/sessions')); if (l) sessions(l); };
  useEffect(() => { load(); const t = setInterval(load, 5000); return () => clearInterval(t); }, []);
  const reload = async () => { wait(true); try { tell({ ok: await api('POST', '/v1/reload') }); } catch (e) { tell({ wrong: e.message }); } wait(false); };
  if (!s) return html`<p class="muted">Loading…</p>`;
  return html`<div class="title"><h1 class="grow">Switch</h1><span class="badge">${s.version}</span><span class="badge">configuration ${s.config.slice(0, 8)}</span><button disabled=${busy} onClick=${reload}>Read the configuration again</button></div>
    <div role="status">${done && (done.wrong ? html`<p class="alert" style="white-space:pre-wrap">${done.wrong}</p>` : html`<div class="alert go-tone"><p>Read. ${done.ok.applied?.length ?? 0} changes are in force.</p>${(done.ok.applied ?? []).map(x => html`<p class="small">${x}</p>`)}${(done.ok.needs_restart ?? []).map(x => html`<p class="small">After a restart: ${x}</p>`)}${(done.ok.warnings ?? []).map(x => html`<p class="small">${x}</p>`)}</div>`)}</div>
    <div class="stack" style="margin-top:1rem">
    <section class="card scroll"><h2>Trunks</h2><table class="table"><thead><tr><th>Trunk</th><th>State</th><th>Where</th><th>Calls</th></tr></thead><tbody>${s.trunks.map(t => html`<tr key=${t.id}><td>${t.id}</td><td><span class=${'badge ' + (t.up ? 'go-tone' : 'stop-tone')}>${t.state || (t.up ? 'up' : 'down')}</span> <span class="small muted">${t.why}${t.until ? `, registered until ${day(t.until)}` : ''}</span></td><td class="num">${t.target}</td><td class="num">${t.calls} of ${t.max_calls}</td></tr>`)}</tbody></table></section>
    <section class="card scroll"><h2>Phones</h2><table class="table"><thead><tr><th>Agent</th><th>Phone</th><th>Address</th><th>Since</th></tr></thead><tbody>${s.agents.flatMap(a => a.phones.length ? a.phones.map(p => html`<tr key=${a.id + p.uri}><td>${a.name}</td><td>${p.user_agent || 'Unknown'}</td><td class="num">${p.uri}</td><td>${p.static ? 'always' : day(p.since)}</td></tr>`) : [html`<tr key=${a.id}><td>${a.name}</td><td class="muted">None registered</td><td></td><td></td></tr>`])}</tbody></table></section>
    <section class="card scroll"><h2>Calls in progress</h2>${s.calls.length ? html`<table class="table"><thead><tr><th>Caller</th><th>Dialled</th><th>State</th><th>Agent</th><th>For</th><th>Messages</th></tr></thead><tbody>${s.calls.map(c => html`<tr key=${c.id}><td><a href=${'#/calls/' + c.id}>${number(c.caller)}</a></td><td class="num">${number(c.dialled)}</td><td>${c.state}</td><td>${c.agent ? agentName(c.agent) : ''}</td><td class="num">${length(since(c.began))}</td><td><a href=${`/v1/calls/${c.id}/ladder.pcap`} download>pcap</a></td></tr>`)}</tbody></table>` : html`<p class="muted">None.</p>`}</section>
    <section class="card scroll"><h2>Signed in</h2><table class="table"><thead><tr><th>Who</th><th>From</th><th>Last used</th><th><span class="sr">Orders</span></th></tr></thead><tbody>${who.map(x => html`<tr key=${x.id}><td>${x.account}</td><td class="num">${x.from}</td><td>${day(x.seen)}</td><td><button onClick=${() => attempt(async () => { await api('DELETE', '/v1/sessions/' + x.id); load(); })} aria-label=${`Sign out: ${x.account} at ${x.from}`}>Sign out</button></td></tr>`)}</tbody></table></section></div>`;
}
