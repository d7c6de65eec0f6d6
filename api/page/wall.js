// The wallboard: teams and agents as they are, for supervisors and for the wall.
import { html, useEffect, useState } from './lib/ui.js';
import { staff, supervises, route, go, me, toast } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { Icon, Avatar, Since, since, length, spoken } from './parts.js';
import { condition } from './header.js';

export default function Wall() {
  const full = route.value === 'wall/full';
  const agents = staff.value.agents, teams = staff.value.teams;
  return html`<div class="title"><h1 class="grow">Wallboard</h1><button onClick=${() => { if (full) { document.exitFullscreen?.().catch(() => {}); go('wall'); } else { document.documentElement.requestFullscreen?.().catch(() => {}); go('wall/full'); } }}>${full ? 'Leave the full screen' : 'Full screen'}</button></div>
    <div class="tiles">${teams.map(t => html`<${Team} key=${t.id} team=${t} agents=${agents.filter(a => a.teams.includes(t.id))}/>`)}</div>
    <h2 style="margin:1.5rem 0 .75rem">Agents</h2>
    <div class="card scroll" style="padding:0" tabindex="0" role="region" aria-label="Agents"><table class="table"><thead><tr><th>Agent</th><th>State</th><th>For</th><th>Phone</th><th><span class="sr">Orders</span></th></tr></thead><tbody>
      ${agents.map(a => { const c = condition(a); return html`<tr key=${a.id}><td><span class="line"><${Avatar} name=${a.name}/>${a.name}</span></td><td><span class=${'badge ' + c.tone}><span class=${'dot ' + c.tone}></span>${c.word}</span></td><td>${a.since ? html`<${Since} t=${a.since}/>` : ''}</td><td>${a.phones ? 'Registered' : html`<span class="muted">None</span>`}${a.desk ? ' · page open' : ''}</td>
        <td>${supervises.value && html`<button onClick=${() => state(a, a.status === 'away')} aria-label=${`${a.status === 'away' ? 'Set active' : 'Set away'}: ${a.name}`}>${a.status === 'away' ? 'Set active' : 'Set away'}</button>`}${supervises.value && a.busy && me.value.agent && a.id !== me.value.agent && html` <button onClick=${() => listen(a)} aria-label=${`Listen: ${a.name}`} title="Your phone hears the call; nobody hears you">Listen</button>`}</td></tr>`; })}</tbody></table></div>`;
}

const state = (a, active) => attempt(() => api('POST', `/v1/agents/${encodeURIComponent(a.id)}/status`, active ? { active } : { active, reason: 'set by a supervisor' }));

// listen has my phone hear an agent's call; whispering and talking along are one press from there.
const listen = a => attempt(async () => {
  const c = (await api('GET', '/v1/calls')).find(c => c.agent === a.id);
  if (c) await api('POST', `/v1/calls/${encodeURIComponent(c.id)}/watch`, { mode: 'listen', agent: a.id });
  else toast(`${a.name} is in no call any more.`);
});

function Team({ team: t, agents }) {
  const wait = t.oldest ? since(t.oldest) : 0, count = f => agents.filter(f).length;
  return html`<section class="card tile" aria-label=${t.name}><h2>${t.name}</h2>
    <p class="line"><span class="big" style=${t.waiting && !t.available ? 'color:var(--stop)' : ''}>${t.waiting}</span><span class="muted">waiting${wait ? html`<br/>longest ${length(wait)}` : ''}</span></p>
    <dl class="figures"><div><dt>Available</dt><dd>${t.available}</dd></div><div><dt>In calls</dt><dd>${count(a => a.busy)}</dd></div><div><dt>Away</dt><dd>${count(a => a.status === 'away')}</dd></div></dl></section>`;
}
