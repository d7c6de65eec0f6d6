// Callbacks: promises to ring back. They ring agents for their time; after that they wait here for a hand.
import { html, useEffect, useState } from './lib/ui.js';
import { me, staff, supervises, now } from './state.js';
import { api, attempt, onFacts, tell } from './net.js';
import { Icon, Menu, Confirm, number, agentName, teamName, day, spoken, until, length } from './parts.js';

const views = [['pending', 'Pending'], ['answered', 'Answered'], ['unanswered', 'Unanswered'], ['closed', 'Closed'], ['ignored', 'Ignored'], ['', 'All']];
const tones = { pending: 'accent-tone', answered: 'go-tone', unanswered: 'stop-tone', closed: '' };
const ages = [['', 'Any age'], ['3600', 'Older than 1 h'], ['7200', 'Older than 2 h'], ['86400', 'Older than a day']];
const marks = { requested: 'asked for', merged: 'asked for again', offered: 'rang', ignored: 'ignored', calling: 'was called', answered: 'answered', unanswered: 'did not pick up', failed: 'could not be called', given_up: 'given up', interrupted: 'broken off by a restart', expired: 'is not offered any more', assigned: 'assigned', closed: 'closed', called_in: 'called in', stranded: 'has no team any more' };

export default function Callbacks() {
  const [view, choose] = useState('pending'), [team, whose] = useState(''), [agent, by] = useState(''), [age, old] = useState(''), [all, set] = useState(null), [counts, count] = useState(null), [closing, close] = useState(null);
  const load = async () => {
    const q = new URLSearchParams({ limit: '200' });
    if (view === 'ignored') q.set('event', 'ignored'); else if (view) q.set('state', view);
    if (team) q.set('team', team);
    if (agent) q.set('agent', agent);
    if (age) q.set('older_seconds', age);
    set(await attempt(() => api('GET', '/v1/callbacks?' + q)) ?? []);
    if (supervises.value) count(await attempt(() => api('GET', '/v1/callbacks/counts' + (team ? '?team=' + encodeURIComponent(team) : ''))));
  };
  useEffect(() => { load(); return onFacts(list => { if (list.some(f => f.kind.startsWith('callback.'))) load(); }); }, [view, team, agent, age]);
  const act = (id, verb, body = {}) => attempt(async () => { await api('POST', `/v1/callbacks/${encodeURIComponent(id)}/${verb}`, body); tell({ type: 'look' }); load(); });
  const volume = id => counts ? id === 'ignored' ? counts.ignored : id ? counts.states[id] ?? 0 : Object.values(counts.states).reduce((a, b) => a + b, 0) : null;
  return html`<div class="title"><h1 class="grow">Callbacks</h1>${counts && html`<p class="muted small">${counts.offered} ring agents · ${counts.by_hand} wait for a hand${counts.oldest_pending_seconds > 0 ? ` · oldest ${spoken(counts.oldest_pending_seconds)}` : ''}</p>`}</div>
    <div class="row" role="group" aria-label="Which callbacks" style="margin-bottom:1rem">${views.map(([id, name]) => html`<button key=${id} aria-pressed=${view === id} onClick=${() => choose(id)}>${name}${volume(id) !== null ? html` <span class="num">${volume(id)}</span>` : ''}</button>`)}</div>
    <div class="filters"><label>Team<select value=${team} onChange=${e => whose(e.target.value)}><option value="">All teams</option>${staff.value.teams.map(t => html`<option value=${t.id}>${t.name}</option>`)}</select></label>
      <label>Agent<select value=${agent} onChange=${e => by(e.target.value)}><option value="">Everybody</option>${staff.value.agents.map(a => html`<option value=${a.id}>${a.name}</option>`)}</select></label>
      <label>Age<select value=${age} onChange=${e => old(e.target.value)}>${ages.map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select></label></div>
    ${!all ? html`<p class="muted">Loading…</p>` : all.length === 0 ? html`<div class="card empty"><${Icon} name="callback"/><p>No callbacks here.</p></div>` : html`<ul class="list">${all.map(c => html`<li class="item" key=${c.id}>
      <span class="avatar" aria-hidden="true"><${Icon} name="callback"/></span>
      <span class="cut"><span class="strong">${c.name || number(c.number)}</span> <span class=${'badge ' + (tones[c.state] ?? '')}>${c.state}</span><br/><span class="sub">${c.name ? html`<span class="num">${number(c.number)}</span> · ` : ''}${teamName(c.team)}${c.agent ? ` · for ${agentName(c.agent)}` : ''} · asked ${day(c.asked)}${c.requests > 1 ? `, ${c.requests} times` : ''}${c.state === 'pending' && c.offered ? ` · rings for ${length(until(c.until))} more` : c.state === 'pending' ? ' · by hand' : ''} · last: ${marks[c.last_event] ?? c.last_event}${c.last_event_agent ? ` (${agentName(c.last_event_agent)})` : ''}</span></span>
      <span class="row">${c.state !== 'answered' && me.value.agent && html`<button class="go" onClick=${() => act(c.id, 'call', { agent: me.value.agent })} aria-label=${`Call now: ${c.name || number(c.number)}`}><${Icon} name="phone"/>Call now</button>`}
        ${c.state === 'pending' && html`<${Menu} title=${`More about ${c.name || number(c.number)}`} kind="icon plain" label="⋯">
          ${supervises.value && c.agent && html`<button onClick=${() => act(c.id, 'assign', {})}>Back to the team</button>`}
          ${supervises.value && staff.value.agents.map(a => html`<button onClick=${() => act(c.id, 'assign', { agent: a.id })}>Assign to ${a.name}</button>`)}
          <button onClick=${() => close(c)}>Close without a call</button><//>`}</span></li>`)}</ul>`}
    ${closing && html`<${Confirm} label="Close this callback?" text=${`${closing.name || number(closing.number)} is not called back.`} yes="Close it" onClose=${() => close(null)} onYes=${() => act(closing.id, 'close', {})}/>`}`;
}
