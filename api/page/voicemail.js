// Voicemail: the messages of my boxes, new and old. What is played is heard.
import { html, useEffect, useState } from './lib/ui.js';
import { me, supervises } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { Icon, Avatar, Confirm, number, agentName, teamName, day, length } from './parts.js';
import { Call } from './dial.js';
import { Player } from './player.js';
import { mine } from './mail.js';

const box = b => b.team ? teamName(b.team) : agentName(b.agent);
const key = b => b.team || b.agent;
const at = m => '/v1/voicemail/' + encodeURIComponent(m.id);
const who = m => m.name || number(m.caller);
const by = text => text === me.value.account ? 'you' : agentName(text);

export default function Voicemail() {
  const [all, set] = useState(null), [only, choose] = useState('mine'), [fresh, filter] = useState(false), [open, show] = useState(''), [dropping, drop] = useState(null);
  const load = async () => { const l = await attempt(() => api('GET', '/v1/voicemail')); if (l) set(l.sort((a, b) => Date.parse(b.at) - Date.parse(a.at))); };
  useEffect(() => { load(); return onFacts(list => { if (list.some(f => f.kind.startsWith('voicemail.'))) load(); }); }, []);
  const heard = m => m.new && attempt(async () => { await api('POST', at(m) + '/heard'); load(); });
  const boxes = [...new Map((all ?? []).map(m => [key(m.box), m.box])).values()].sort((a, b) => box(a).localeCompare(box(b)));
  const shown = (all ?? []).filter(m => (only === '' || (only === 'mine' ? mine(m.box) : key(m.box) === only)) && (!fresh || m.new || m.id === open));
  const left = shown.filter(m => m.new).length;
  return html`<div class="title"><h1 class="grow">Voicemail</h1><p class="muted small" role="status">${all ? `${left} new, ${shown.length - left} heard` : ''}</p></div>
    <div class="filters"><label>Box<select value=${only} onChange=${e => choose(e.target.value)}><option value="mine">${me.value.agent ? 'Mine and my teams’' : 'All boxes'}</option>${supervises.value && me.value.agent && html`<option value="">All boxes</option>`}${boxes.map(b => html`<option value=${key(b)}>${box(b)}</option>`)}</select></label>
      <button aria-pressed=${fresh} onClick=${() => filter(!fresh)}>New alone</button></div>
    ${!all ? html`<p class="muted">Loading…</p>` : shown.length === 0 ? html`<div class="card empty"><${Icon} name="mail"/><p>No messages here.</p></div>` : html`<ul class="list">${shown.map(m => html`<li key=${m.id}>
      <button class="item plain wide message" aria-expanded=${open === m.id} onClick=${() => show(open === m.id ? '' : m.id)}><${Avatar} name=${who(m)}/>
        <span class="cut"><span class=${m.new ? 'strong' : ''}>${who(m)}</span><br/><span class="sub">${m.new && html`<span class="badge accent-tone">New</span> `}${box(m.box)} · ${day(m.at)}${m.by ? ` · heard by ${by(m.by)}` : ''}</span></span><span class="num">${length(m.duration_seconds)}</span></button>
      ${open === m.id && html`<div class="stack inside" onPlayCapture=${() => heard(m)}><${Player} at=${at(m)} call=${m.call} length=${m.duration_seconds}/>
        <div class="row">${m.caller && me.value.agent ? html`<span>Call back <${Call} to=${m.caller}>${number(m.caller)}<//></span>` : m.caller && m.name ? html`<span class="num">${number(m.caller)}</span>` : ''}<span class="grow"></span>
          ${supervises.value && html`<a class="button" href=${'#/calls/' + m.call}>Call card</a>`}
          <button disabled=${!m.new} title=${m.new ? '' : 'It was heard'} onClick=${() => heard(m)}><${Icon} name="check"/>Mark as heard</button>
          <button onClick=${() => drop(m)}><${Icon} name="trash"/>Delete…</button></div></div>`}</li>`)}</ul>`}
    ${dropping && html`<${Confirm} label="Delete this message?" text=${`What ${who(dropping)} said, and its words, are gone for everybody who hears the box of ${box(dropping.box)}. Who deleted it is kept.`} yes="Delete" onClose=${() => drop(null)} onYes=${() => attempt(async () => { await api('DELETE', at(dropping)); show(''); load(); })}/>`}`;
}
