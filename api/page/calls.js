// The calls: a list that is searched where they are kept, and one call's card.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { me, own, supervises, staff } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { Icon, day, number, customer, title, spoken, agentName, dialled, length, outcome } from './parts.js';
import { Card } from './card.js';

const page = 50;
// What each kind asks the switch for.
const kinds = [['', 'All calls', ''], ['in', 'Incoming', 'direction=inbound'], ['out', 'Outgoing', 'direction=outbound'], ['internal', 'Internal', 'direction=internal'], ['missed', 'Not answered', 'answered=no'], ['recorded', 'With recording', 'recorded=true']];
const outcomes = ['accepted', 'declined', 'no_answer', 'busy', 'unreachable', 'abandoned', 'too_late', 'misconfigured', 'withdrawn'];
const nothing = { text: '', kind: '', agent: '', team: '', outcome: '', tag: '', from: '', to: '', said: '' };
const wanted = own(nothing); // it is there still when somebody comes back from a card
const kindOf = c => c.direction === 'outbound' ? 'out' : c.direction === 'internal' ? 'internal' : 'in';

function ending(c) {
  if (c.in_progress) return { word: 'In progress', tone: 'accent-tone' };
  if (c.bridged) return { word: spoken(c.talk_seconds), tone: 'go-tone' };
  return { word: c.direction === 'outbound' ? 'Not answered' : 'Missed', tone: 'stop-tone' };
}

export default function Calls({ path }) {
  return path[0] ? html`<${Card} key=${path[0]} id=${path[0]} recording=${path[1]} at=${Number(path[2] ?? 0)}/>` : html`<${List}/>`;
}

// query is the address of a page of the calls that are wanted.
function query(w, before) {
  const q = new URLSearchParams({ limit: page }), text = w.text.trim(), day = (t, more) => { const d = new Date(t + 'T00:00'); d.setDate(d.getDate() + more); return d.toISOString(); };
  if (text) q.set(dialled(text) ? 'number' : 'note', dialled(text) || text);
  for (const name of ['agent', 'team', 'outcome', 'tag']) if (w[name].trim()) q.set(name, w[name].trim());
  if (w.from) q.set('from', day(w.from, 0));
  if (w.to) q.set('to', day(w.to, 1));
  if (before) q.set('before', before);
  return `/v1/records?${q}&${kinds.find(k => k[0] === w.kind)[2]}`;
}

// useTurns gives each question a turn: an answer that somebody has typed or asked past is not shown.
function useTurns() {
  const last = useRef(0);
  return () => { const mine = ++last.current; return () => mine === last.current; };
}

function List() {
  const w = wanted.value, [cards, set] = useState(null), [next, go] = useState(''), [open, show] = useState(Boolean(w.team || w.outcome || w.tag || w.to || w.said));
  const put = (name, value) => { wanted.value = { ...wanted.value, [name]: value }; };
  const turn = useTurns();
  const load = async before => {
    const current = turn();
    let more = '';
    const got = await attempt(() => api('GET', query(w, before), undefined, undefined, h => { more = h.get('Trunkline-Next') ?? ''; }));
    if (!current()) return;
    if (!got) { set(c => c ?? []); return; }
    set(c => before ? [...(c ?? []), ...got] : got);
    go(more);
  };
  useEffect(() => {
    if (w.said.trim().length > 1) return;
    const t = setTimeout(load, cards ? 250 : 0, '');
    const off = onFacts(list => { if (list.some(f => f.kind === 'call.ended' || f.kind === 'recording.deleted')) load(''); });
    return () => { turn(); clearTimeout(t); off(); };
  }, [w]);
  const narrows = Object.keys(nothing).some(k => w[k].trim());
  const pick = (label, name, options) => html`<label>${label}<select value=${w[name]} onChange=${e => put(name, e.target.value)}>${options.map(([id, text]) => html`<option value=${id}>${text}</option>`)}</select></label>`;
  return html`<div class="title"><h1 class="grow">${supervises.value ? 'All calls' : 'Your calls'}</h1></div>
    <div class="filters" role="search"><label>Search<input value=${w.text} onInput=${e => put('text', e.target.value)} placeholder="Name, number or note"/></label>
      ${pick('Kind', 'kind', kinds)}
      ${supervises.value && pick('Agent', 'agent', [['', 'Everybody'], ...staff.value.agents.map(a => [a.id, a.name])])}
      <label>Since<input type="date" value=${w.from} onChange=${e => put('from', e.target.value)}/></label>
      ${open && html`<label>Until<input type="date" value=${w.to} onChange=${e => put('to', e.target.value)}/></label>
        ${pick('Team', 'team', [['', 'All teams'], ...staff.value.teams.map(t => [t.id, t.name])])}
        ${pick('Outcome', 'outcome', [['', 'Any'], ...outcomes.map(o => [o, `An agent ${outcome(o)}`])])}
        <label>Tag<input value=${w.tag} onInput=${e => put('tag', e.target.value)}/></label>
        <label>Said in the call<input value=${w.said} onInput=${e => put('said', e.target.value)} placeholder="Words"/></label>`}
      <button class="plain" aria-expanded=${open} onClick=${() => show(!open)}>${open ? 'Fewer filters' : 'More filters'}</button>
      ${narrows && html`<button class="plain" onClick=${() => { wanted.value = nothing; }}>Clear</button>`}</div>
    ${w.said.trim().length > 1 ? html`<${Found} words=${w.said.trim()}/>` : html`
    ${!cards ? html`<p class="muted">Loading…</p>` : cards.length === 0 ? html`<div class="card empty"><${Icon} name="phone"/><p>No calls here${narrows ? ' that fit' : ' yet'}.</p>${!narrows && me.value.agent && html`<p class="small">A call that is offered to you shows at the bottom right.</p>`}</div>`
    : html`<ul class="list">${cards.map(c => html`<li key=${c.id}><${Row} card=${c}/></li>`)}</ul>`}
    ${next && html`<p class="row" style="margin-top:1rem"><button onClick=${() => load(next)}>Older calls</button></p>`}`}`;
}

// Found are the places in transcripts where words were said; each leads there.
function Found({ words }) {
  const [all, set] = useState(null), [next, go] = useState('');
  const turn = useTurns();
  const load = async before => {
    const current = turn(), got = await attempt(() => api('GET', '/v1/transcripts?' + new URLSearchParams({ text: words, ...(before && { before }) })));
    if (!current()) return;
    set(a => [...(before ? a ?? [] : []), ...(got?.found ?? [])]);
    go(got?.next ?? '');
  };
  useEffect(() => { const t = setTimeout(load, 300, ''); return () => { turn(); clearTimeout(t); }; }, [words]);
  if (!all) return html`<p class="muted">Looking…</p>`;
  return html`${all.length === 0 ? html`<div class="card empty"><${Icon} name="search"/><p>Nobody said that${next ? ' lately' : ''}.</p></div>` : html`<ul class="list">${all.map(f => html`<li key=${f.recording + f.side + f.start}><a class="item" href=${`#/calls/${f.call}/${f.recording}/${f.start}`}><span class="avatar" aria-hidden="true"><${Icon} name="search"/></span><span>${f.text}<br/><span class="sub">${f.side === 0 ? 'Customer' : 'Agent'}, at <span class="num">${length(f.start)}</span></span></span><span class="sub num">${day(f.began)}</span></a></li>`)}</ul>`}
    ${next && html`<p class="row" style="margin-top:1rem"><button onClick=${() => load(next)}>Look further back</button></p>`}`;
}

export function Row({ card: c }) {
  const e = ending(c), k = kindOf(c), who = [...new Set(c.segments.filter(s => s.kind === 'talk' && s.agent).map(s => agentName(s.agent)))].join(', ');
  return html`<a class="item" href=${'#/calls/' + c.id}><span class="avatar" aria-hidden="true"><${Icon} name=${k === 'internal' ? 'both' : k}/></span>
    <span class="cut"><span class="strong">${title(c)}</span><br/><span class="sub"><span class="sr">${{ in: 'Incoming', out: 'Outgoing', internal: 'Internal' }[k]} · </span>${c.name && k !== 'internal' ? html`<span class="num">${number(customer(c))}</span> · ` : ''}${who ? `with ${who}` : k === 'in' ? `dialled ${number(c.dialled)}` : agentName(c.agent)}</span></span>
    <span><span class="sub num">${day(c.initiated)}</span><br/><span class=${'badge ' + e.tone}>${c.recordings.length > 0 && html`<${Icon} name="record"/>`}${e.word}</span></span></a>`;
}
