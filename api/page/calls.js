// The calls: a list with filters, and one call's card.
import { html, useEffect, useState } from './lib/ui.js';
import { me, supervises, staff, active, offers } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { Icon, day, number, customer, title, spoken, agentName, teamName } from './parts.js';
import { Call } from './dial.js';
import { Card } from './card.js';

const page = 50;
const kinds = [['', 'All calls'], ['in', 'Incoming'], ['out', 'Outgoing'], ['internal', 'Internal'], ['missed', 'Not answered'], ['recorded', 'With recording']];
const kindOf = c => c.direction === 'outbound' ? 'out' : c.direction === 'internal' ? 'internal' : 'in';
const is = { '': () => true, in: c => kindOf(c) === 'in', out: c => kindOf(c) === 'out', internal: c => kindOf(c) === 'internal', missed: c => !c.bridged, recorded: c => c.recordings.length > 0 };

function ending(c) {
  if (c.in_progress) return { word: 'In progress', tone: 'accent-tone' };
  if (c.bridged) return { word: spoken(c.talk_seconds), tone: 'go-tone' };
  return { word: c.direction === 'outbound' ? 'Not answered' : 'Missed', tone: 'stop-tone' };
}

export default function Calls({ path }) {
  return path[0] ? html`<${Card} key=${path[0]} id=${path[0]}/>` : html`<${List}/>`;
}

function List() {
  const [cards, set] = useState(null), [kind, choose] = useState(''), [agent, whose] = useState(''), [from, after] = useState(''), [text, write] = useState(''), [more, go] = useState(false);
  const query = before => '/v1/records?limit=' + page + (agent ? '&agent=' + encodeURIComponent(agent) : '') + (from ? '&from=' + encodeURIComponent(new Date(from + 'T00:00').toISOString()) : '') + (before ? '&before=' + before : '');
  const load = async before => {
    const got = await attempt(() => api('GET', query(before)));
    if (!got) { set(c => c ?? []); return; }
    set(c => before ? [...(c ?? []), ...got] : got);
    go(got.length === page);
  };
  useEffect(() => { load(); return onFacts(list => { if (list.some(f => f.kind === 'call.ended' || f.kind === 'recording.deleted')) load(); }); }, [agent, from]);
  const q = text.trim().toLowerCase();
  const shown = cards?.filter(c => is[kind](c) && (!q || [c.name, c.caller, c.dialled, agentName(c.agent), ...c.segments.map(s => agentName(s.agent ?? ''))].some(t => t?.toLowerCase().includes(q))));
  return html`<div class="title"><h1 class="grow">${supervises.value ? 'All calls' : 'Your calls'}</h1></div>
    <div class="filters" role="search"><label>Search<input value=${text} onInput=${e => write(e.target.value)} placeholder="Name or number"/></label>
      <label>Kind<select value=${kind} onChange=${e => choose(e.target.value)}>${kinds.map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select></label>
      ${supervises.value && html`<label>Agent<select value=${agent} onChange=${e => whose(e.target.value)}><option value="">Everybody</option>${staff.value.agents.map(a => html`<option value=${a.id}>${a.name}</option>`)}</select></label>`}
      <label>Since<input type="date" value=${from} onChange=${e => after(e.target.value)}/></label></div>
    ${!shown ? html`<p class="muted">Loading…</p>` : shown.length === 0 ? html`<div class="card empty"><${Icon} name="phone"/><p>No calls here${kind || q || from ? ' that fit' : ' yet'}.</p>${!kind && !q && me.value.agent && html`<p class="small">A call that is offered to you shows at the bottom right.</p>`}</div>`
    : html`<ul class="list">${shown.map(c => html`<li key=${c.id}><${Row} card=${c}/></li>`)}</ul>`}
    ${more && html`<p class="row" style="margin-top:1rem"><button onClick=${() => load(cards.at(-1).id)}>Older calls</button></p>`}`;
}

export function Row({ card: c }) {
  const e = ending(c), k = kindOf(c), who = [...new Set(c.segments.filter(s => s.kind === 'talk' && s.agent).map(s => agentName(s.agent)))].join(', ');
  return html`<a class="item" href=${'#/calls/' + c.id}><span class="avatar" aria-hidden="true"><${Icon} name=${k === 'internal' ? 'both' : k}/></span>
    <span class="cut"><span class="strong">${title(c)}</span><br/><span class="sub"><span class="sr">${{ in: 'Incoming', out: 'Outgoing', internal: 'Internal' }[k]} · </span>${c.name && k !== 'internal' ? html`<span class="num">${number(customer(c))}</span> · ` : ''}${who ? `with ${who}` : k === 'in' ? `dialled ${number(c.dialled)}` : agentName(c.agent)}</span></span>
    <span><span class="sub num">${day(c.initiated)}</span><br/><span class=${'badge ' + e.tone}>${c.recordings.length > 0 && html`<${Icon} name="record"/>`}${e.word}</span></span></a>`;
}
