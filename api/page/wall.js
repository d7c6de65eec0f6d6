// The wallboard: teams and agents as they are, and what supervisors order of them.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { staff, supervises, admin, route, go, me, toast } from './state.js';
import { api, attempt } from './net.js';
import { Icon, Avatar, Since, Confirm, Dialog, agentName, number } from './parts.js';
import { condition } from './header.js';
import { Tile, Tiles, judged } from './tiles.js';

const path = (what, id, verb) => `/v1/${what}/${encodeURIComponent(id)}/${verb}`;
const who = c => c.name || number(c.caller);

export default function Wall() {
  const full = route.value === 'wall/full', { agents, walls } = staff.value;
  const [asked, ask] = useState(null); // what a dialog is about
  const done = () => ask(null);
  return html`<div class="title"><h1 class="grow">Wallboard</h1>
      ${admin.value && !full && html`<button onClick=${() => ask({ links: true })}>Screens…</button>`}
      <button onClick=${() => { if (full) { document.exitFullscreen?.().catch(() => {}); go('wall'); } else { document.documentElement.requestFullscreen?.().catch(() => {}); go('wall/full'); } }}>${full ? 'Leave the full screen' : 'Full screen'}</button></div>
    <${Alarms} walls=${walls}/>
    <${Tiles} teams=${walls}>${walls.map(t => html`<${Tile} key=${t.id} team=${t}>${!full && supervises.value && html`<div class="row">${t.closed
      ? html`<button onClick=${() => attempt(() => api('POST', path('teams', t.id, 'open')))} aria-label=${`Open the queue: ${t.name}`}>Open the queue</button>`
      : html`<button onClick=${() => ask({ close: t })} aria-label=${`Close the queue: ${t.name}`}>Close the queue…</button>`}</div>`}<//>`)}<//>
    <div class="stack below">
      ${!full && html`<section aria-label="Waiting"><h2>Waiting</h2><${Waiting} walls=${walls} onAssign=${(c, t) => ask({ assign: c, team: t })}/></section>`}
      <section aria-label="Agents"><h2>Agents</h2><${Agents} agents=${agents} full=${full} onAway=${a => ask({ away: a })}/></section></div>
    ${asked?.close && html`<${Confirm} label=${`Close the queue of ${asked.close.name}?`} text="New callers take the path for when nobody answers. Those who wait stay. It stays closed, over a restart too, until somebody opens it." yes="Close the queue" onClose=${done} onYes=${() => attempt(() => api('POST', path('teams', asked.close.id, 'close')))}/>`}
    ${asked?.assign && html`<${Assign} call=${asked.assign} team=${asked.team} onClose=${done}/>`}
    ${asked?.away && html`<${SetAway} agent=${asked.away} onClose=${done}/>`}
    ${asked?.links && html`<${Links} onClose=${done}/>`}`;
}

// Alarms says once, for who does not see it, what has begun to warn or alarm.
function Alarms({ walls }) {
  const said = useRef(''), now = walls.flatMap(t => { const j = judged(t); return [['waiting', 'callers waiting'], ['wait', 'longest wait'], ['level', 'service level']].filter(([k]) => j[k].is).map(([k, name]) => `${t.name}, ${name}: ${j[k].is === 'alarm' ? 'alarm' : 'warning'}`); }).join('. ');
  const box = useRef();
  useEffect(() => { if (now !== said.current) { said.current = now; box.current.textContent = now; } }, [now]);
  return html`<p class="sr" role="status" ref=${box}></p>`;
}

// Waiting are the callers, the longest wait first. The box keeps its height: no button moves because a call comes.
function Waiting({ walls, onAssign }) {
  const all = walls.flatMap(t => t.calls.map(c => ({ c, t }))).sort((a, b) => Date.parse(a.c.since) - Date.parse(b.c.since));
  const shown = walls.reduce((n, t) => n + t.calls.length, 0), rest = walls.reduce((n, t) => n + t.waiting, 0) - shown;
  return html`<div class="card box" tabindex="0" role="region" aria-label="Callers who wait">${all.length === 0 ? html`<p class="muted empty">Nobody waits.</p>` : html`<ol>${all.map(({ c, t }) => html`<li key=${c.id} class="item pick">
      <${Avatar} name=${who(c)}/><span class="cut"><span class="strong">${who(c)}</span><br/><span class="sub">${t.name}${c.agent ? ` · for ${agentName(c.agent)}` : ''}${c.priority ? ` · priority ${c.priority}` : ''}</span></span><${Since} t=${c.since}/>
      <span class="row">${me.value.agent && html`<button class="go" onClick=${() => attempt(() => api('POST', path('calls', c.id, 'assign'), {}))} aria-label=${`Take it: ${who(c)}`} title="It rings at your phone alone"><${Icon} name="phone"/>Take it</button>`}
        <button onClick=${() => onAssign(c, t)} aria-label=${`Assign: ${who(c)}`}>Assign…</button></span></li>`)}</ol>`}
    ${rest > 0 && html`<p class="small muted" style="padding:.5rem 1rem">and ${rest} more</p>`}</div>`;
}

// Assign gives a waiting call to somebody, or to another team.
function Assign({ call, team, onClose }) {
  const order = (verb, body, said) => async () => { onClose(); if (await attempt(async () => { await api('POST', path('calls', call.id, verb), body); return true; })) toast(said); };
  const { agents, walls } = staff.value, others = walls.filter(t => t.id !== team.id), waits = walls.some(t => t.calls.some(c => c.id === call.id));
  useEffect(() => { if (!waits) { toast(`${who(call)} waits no longer.`); onClose(); } }, [waits]);
  return html`<${Dialog} label=${`Who takes the call of ${who(call)}?`} onClose=${onClose}>
    <p class="small muted">Assigned, it rings at that agent alone. Offered, it rings there first, and goes back to the team if they do not take it.</p>
    <ul class="list">${agents.map(a => { const c = condition(a); return html`<li key=${a.id} class="item pick"><span class=${'dot ' + c.tone}></span><span class="cut">${a.name} <span class="sub">${c.word}</span></span><span></span>
      <span class="row"><button disabled=${!a.online} title=${a.online ? '' : `${a.name} is not there`} onClick=${order('assign', { agent: a.id }, `It is ${a.name}'s.`)} aria-label=${`Assign to ${a.name}`}>Assign</button>
        <button disabled=${!a.online} title=${a.online ? '' : `${a.name} is not there`} onClick=${order('offer', { agent: a.id }, `It is offered to ${a.name} first.`)} aria-label=${`Offer first to ${a.name}`}>Offer first</button></span></li>`; })}</ul>
    ${others.length > 0 && html`<h3>Another team</h3><div class="row">${others.map(t => html`<button key=${t.id} onClick=${order('move', { team: t.id }, `It waits for ${t.name}.`)}>Move to ${t.name}</button>`)}</div>`}<//>`;
}

function Agents({ agents, full, onAway }) {
  const order = supervises.value && !full;
  return html`<div class="card scroll" style="padding:0" tabindex="0" role="region" aria-label="Agents"><table class="table"><thead><tr><th>Agent</th><th>State</th><th>For</th><th>Phone</th>${order && html`<th><span class="sr">Orders</span></th>`}</tr></thead><tbody>
    ${agents.map(a => { const c = condition(a); return html`<tr key=${a.id}><td><span class="line"><${Avatar} name=${a.name}/>${a.name}</span></td><td class="state"><span class=${'badge ' + c.tone}><span class=${'dot ' + c.tone}></span>${c.word}</span></td><td class="for">${a.since ? html`<${Since} t=${a.since}/>` : ''}</td><td class="phone">${a.phones ? 'Registered' : a.browser ? 'Browser' : html`<span class="muted">None</span>`}${a.desk ? ' · page open' : ''}</td>
      ${order && html`<td><span class="line">${a.status === 'away' ? html`<button onClick=${() => attempt(() => api('POST', path('agents', a.id, 'status'), { active: true }))} aria-label=${`Set active: ${a.name}`}>Set active</button>` : html`<button onClick=${() => onAway(a)} aria-label=${`Set away: ${a.name}`}>Set away…</button>`}
        ${me.value.agent && a.id !== me.value.agent && html`<button disabled=${!a.busy} onClick=${() => listen(a)} aria-label=${`Listen: ${a.name}`} title=${a.busy ? 'Your phone hears the call; nobody hears you' : `${a.name} is in no call`}>Listen</button>`}</span></td>`}</tr>`; })}</tbody></table></div>`;
}

// SetAway asks why: the agent reads it.
function SetAway({ agent: a, onClose }) {
  const [text, write] = useState('');
  const set = reason => { onClose(); attempt(() => api('POST', path('agents', a.id, 'status'), { active: false, reason })); };
  return html`<${Dialog} label=${`Set ${a.name} away?`} onClose=${onClose}><p>No call rings there until somebody sets ${a.name} active again.${a.busy ? ' The call in progress goes on.' : ''} Who ordered it is kept.</p>
    <form class="stack" onSubmit=${e => { e.preventDefault(); set(text.trim() || 'set by a supervisor'); }}><label class="field">Reason<input maxlength="100" value=${text} placeholder="set by a supervisor" onInput=${e => write(e.target.value)}/></label>
      <div class="row"><button class="stop end">Set away</button><button type="button" onClick=${onClose}>Keep</button></div></form><//>`;
}

// listen has my phone hear an agent's call; whispering and talking along are one press from there.
const listen = a => attempt(async () => {
  const c = (await api('GET', '/v1/calls')).find(c => c.agent === a.id);
  if (c) await api('POST', path('calls', c.id, 'watch'), { mode: 'listen', agent: a.id });
  else toast(`${a.name} is in no call any more.`);
});

// Links are addresses for screens on a wall: figures alone, for whoever has the address, until it is withdrawn.
function Links({ onClose }) {
  const [all, set] = useState(null), [name, write] = useState(''), [made, make] = useState(null), [gone, withdraw] = useState(null), [copied, copy] = useState(false);
  const load = () => attempt(async () => set((await api('GET', '/v1/tokens')).filter(t => t.scope === 'wall')));
  useEffect(() => { load(); }, []);
  const create = () => attempt(async () => { make(await api('POST', '/v1/tokens', { name: name.trim(), scope: 'wall' })); copy(false); write(''); load(); });
  const address = made && `${location.origin}/wall.html#${made.token}`;
  return html`<${Dialog} label="Screens on a wall" onClose=${onClose}><p>An address shows the teams' figures, and nothing of callers or agents, to whoever has it. It can do nothing else.</p>
    <form class="row" onSubmit=${e => { e.preventDefault(); create(); }}><input class="grow" style="width:auto" aria-label="Where the screen is" placeholder="Where the screen is" required maxlength="100" value=${name} onInput=${e => write(e.target.value)}/><button class="primary">Make an address</button></form>
    <div role="status">${made && html`<div class="alert go-tone stack"><p>Open this on the screen. It is shown this once.</p><input class="num" readonly aria-label="The address" value=${address} onFocus=${e => e.target.select()}/>
      <button type="button" onClick=${() => navigator.clipboard?.writeText(address).then(() => copy(true), () => {})}>${copied ? 'Copied' : 'Copy'}</button></div>`}</div>
    ${all?.length > 0 && html`<ul class="list">${all.map(t => html`<li key=${t.id} class="item"><${Icon} name="wall"/><span class="cut">${t.name}<br/><span class="sub">made ${new Date(t.made).toLocaleDateString()}</span></span><button onClick=${() => withdraw(t)} aria-label=${`Withdraw: ${t.name}`}>Withdraw</button></li>`)}</ul>`}
    ${gone && html`<${Confirm} label=${`Withdraw the address of ${gone.name}?`} text="The screen shows nothing any more, from the next second on." yes="Withdraw" onClose=${() => withdraw(null)} onYes=${() => attempt(async () => { await api('DELETE', '/v1/tokens/' + gone.id); if (made?.id === gone.id) make(null); load(); })}/>`}<//>`;
}
