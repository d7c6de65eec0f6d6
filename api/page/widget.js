// The call in progress: on every page, movable by mouse, touch and arrow keys.
import { html, effect, useEffect, useRef, useState } from './lib/ui.js';
import { active, go, histories, me, own, self } from './state.js';
import { api, attempt, order } from './net.js';
import { lines, device, able, choose, answer, goOn, legOf } from './phone.js';
import { Icon, Since, useFocus, title, number, customer, agentName, whither, until, length, clock } from './parts.js';
import { Picker } from './picker.js';
import { Notes, drafted } from './notes.js';
import { Last } from './offer.js';
import { Known } from './person.js';

const where = JSON.parse(localStorage.getItem('widget') ?? '{"x":0,"y":0}');

// useMove lets an element be dragged by its grip, within the window.
export function useMove() {
  const [at, set] = useState(where), from = useRef();
  const bounded = p => ({ x: Math.min(0, Math.max(-(innerWidth - 400), p.x)), y: Math.min(0, Math.max(-(innerHeight - 280), p.y)) });
  const put = p => { const b = bounded(p); set(b); localStorage.setItem('widget', JSON.stringify(b)); };
  return {
    style: `translate: ${at.x}px ${at.y}px`,
    grip: {
      onPointerDown: e => { if (e.target.closest('button, input, textarea, a, summary, ul, select')) return; from.current = { x: e.clientX - at.x, y: e.clientY - at.y }; e.currentTarget.setPointerCapture(e.pointerId); },
      onPointerMove: e => { if (from.current) set(bounded({ x: e.clientX - from.current.x, y: e.clientY - from.current.y })); },
      onPointerUp: () => { if (from.current) { from.current = null; put(at); } },
    },
    keys: e => { const d = { ArrowLeft: [-32, 0], ArrowRight: [32, 0], ArrowUp: [0, -32], ArrowDown: [0, 32] }[e.key]; if (d) { e.preventDefault(); put({ x: at.x + d[0], y: at.y + d[1] }); } },
  };
}

const watches = { listen: 'Listening to', whisper: 'Whispering to', barge: 'Talking along with' };

const words = { dialing: 'Calling…', lost: 'Connection lost', asked: 'Asked by a colleague' };

function state(p) {
  const t = p.transfer;
  if (p.watch) return `${p.watch.rings && !p.browser ? 'Pick up your phone. ' : ''}${watches[p.watch.mode]} ${agentName(p.watch.agent)}`;
  if (p.role === 'asked') return `${agentName(p.by)} asks you first`;
  if (t) {
    const to = whither(t.to);
    if (t.merged) return `All three, with ${to}`;
    if (t.talking) return t.swapped ? `With the customer; ${to} waits` : `With ${to}; the customer waits`;
    return t.ask ? `Calling ${to}; the customer waits` : `Transferring to ${to}…`;
  }
  if (p.role === 'dialing' && p.card.segments.at(-1)?.kind === 'dial' && p.answering && !p.browser) return 'Pick up your phone';
  return words[p.role] ?? (p.holding ? 'On hold' : p.held ? 'Holds you' : 'Talking');
}

export function Widget({ part }) {
  const c = part.card, [open, show] = useState(''), [small, fold] = useState(false);
  const talks = part.role === 'talking' || part.role === 'asked', customerCall = part.role === 'talking' && c.direction !== 'internal';
  const last = c.segments.at(-1), mine = c.segments.find(s => s.kind === 'talk' && s.agent === me.value?.agent), flip = what => { show(open === what ? '' : what); if (what === 'notes' && open !== what) noting.add(c.id); else noting.delete(c.id); };
  const rec = part.recording, press = (verb, other, is) => order(c.id, is ? other : verb);
  const line = lines.value[legOf(part)];
  const name = c.direction === 'internal' && part.by ? agentName(part.by) : title(c);
  return html`<section class="float" role="region" aria-label="Current call">
    <div class="line"><div class="grow"><p class="who cut">${name}</p><p class="small muted"><span role="status">${state(part)}</span>${mine && last !== mine ? html` <span title="Time in this state"><${Since} t=${last.from}/></span>` : ''}${c.name && c.direction !== 'internal' ? html` · <span class="num">${number(customer(c))}</span>` : ''}</p></div>
      <span class="num strong" title="Time in the call" data-timer><${Since} t=${mine?.from ?? last?.from ?? c.initiated}/></span>
      <button class="icon plain" aria-expanded=${!small} aria-label=${small ? 'Show the controls' : 'Fold the controls'} onClick=${() => fold(!small)}><${Icon} name=${small ? 'down' : 'min'}/></button></div>
    ${rec && html`<p class=${'small row ' + (rec === 'on' ? 'rec' : 'muted')} role="status"><span class="dot"></span>${rec === 'on' ? 'Recording' : `Recording paused${part.paused_by ? ' by ' + agentName(part.paused_by) : ''}${part.paused_until ? ', goes on in ' + length(until(part.paused_until)) : ''}`}</p>`}
    ${line?.problem && html`<div class="alert stop-tone" role="alert">${line.problem}</div>`}
    ${line?.state === 'failed' && html`<button class="primary" onClick=${() => answer(legOf(part))}>Try again</button>`}
    ${part.browser && able && device.value !== 'browser' && html`<div class="alert warn-tone" role="alert">${part.role === 'lost' ? `The call was in another browser. The customer hears music, and goes back to the queue in ${length(until(part.until))}.` : 'You talk in another browser.'}</div><button class="primary" onClick=${() => choose('browser')}><${Icon} name="mic"/>Go on in this one</button>`}
    ${part.role === 'lost' && part.browser && device.value === 'browser' && line?.state !== 'failed' && html`<div class="alert warn-tone" role="alert">The connection was lost, and is being made anew. The customer hears music, and goes back to the queue in ${length(until(part.until))}.</div>`}
    ${part.role === 'lost' && !part.browser && html`<div class="alert warn-tone" role="alert">Your phone lost the call. The customer hears music, and goes back to the queue in ${length(until(part.until))}.</div>
      <div class="row"><button class="primary" onClick=${() => order(c.id, 'reclaim')}>Ring my phone</button>${able && !line && html`<button onClick=${() => goOn(c.id)}><${Icon} name="mic"/>Go on in this browser</button>`}</div>`}
    ${!small && html`
      ${part.transfer && part.role === 'talking' && html`<${Steps} part=${part}/>`}
      ${talks && html`<div class="controls">
        <button aria-pressed=${Boolean(part.muted)} data-do="mute" aria-keyshortcuts="Control+Shift+M" title="Mute (Ctrl+Shift+M)" onClick=${() => press('mute', 'unmute', part.muted)}><${Icon} name=${part.muted ? 'mute' : 'mic'}/>${part.muted ? 'Unmute' : 'Mute'}</button>
        <button aria-pressed=${Boolean(part.holding)} data-do="hold" aria-keyshortcuts="Control+Shift+H" title="Hold (Ctrl+Shift+H)" onClick=${() => press('hold', 'resume', part.holding)}><${Icon} name=${part.holding ? 'play' : 'hold'}/>${part.holding ? 'Resume' : 'Hold'}</button>
        <button aria-expanded=${open === 'keypad'} onClick=${() => flip('keypad')}><${Icon} name="keypad"/>Keypad</button>
        <button aria-expanded=${open === 'transfer'} disabled=${!customerCall || Boolean(part.transfer)} title=${customerCall ? part.transfer ? 'A transfer is under way' : 'Transfer' : 'There is no customer to transfer'} onClick=${() => flip('transfer')}><${Icon} name="transfer"/>Transfer</button>
        <button disabled=${!rec} title=${rec ? '' : 'This call is not recorded'} onClick=${() => press('pause-recording', 'resume-recording', rec === 'paused')}><${Icon} name="record"/>${rec === 'paused' ? 'Record' : 'Pause rec.'}</button>
        <button aria-expanded=${open === 'notes'} onClick=${() => flip('notes')}><${Icon} name="note"/>Notes</button>
        <button onClick=${() => go('calls/' + c.id)}><${Icon} name="list"/>Details</button>
        <button class="stop" data-do="end" aria-keyshortcuts="Control+Shift+E" title="End the call (Ctrl+Shift+E)" onClick=${() => order(c.id, 'hangup')}><${Icon} name="end"/>End</button></div>`}
      ${part.watch && html`<${Watching} part=${part}/>`}
      ${part.role === 'dialing' && html`<button class="stop" data-do="end" onClick=${() => order(c.id, 'hangup')}><${Icon} name="end"/>End</button>`}
      ${part.role === 'talking' && !part.browser && !part.watch && able && !line && html`<button class="plain" title="Your phone hangs up, and you talk by this page; the customer notices nothing" onClick=${() => goOn(c.id)}><${Icon} name="mic"/>Go on in this browser</button>`}
      ${line?.stats && html`<${Quality} of=${line.stats}/>`}
      ${open === 'keypad' && html`<${Keypad} call=${c.id}/>`}
      ${open === 'transfer' && customerCall && !part.transfer && html`<${Picker} call=${c.id} onDone=${() => show('')}/>`}
      ${open === 'notes' && html`<${Notes} at=${"/v1/calls/" + encodeURIComponent(c.id)} of=${c}/>`}
      ${open === '' && c.direction !== 'internal' && html`<details class="small"><summary>About the customer</summary><div class="stack"><${Known} card=${c} all/>${histories.value[c.id] && html`<${Last} calls=${histories.value[c.id]}/>`}</div></details>`}`}
  </section>`;
}

// The call that was talked in last: what is left to write about it is written in the wrap-up. A note
// that was half written when the customer hung up stays open.
const spoke = own(null), noting = new Set();
effect(() => { const p = active.value.find(p => p.role === 'talking'); if (p) spoke.value = p.card; });
const at = c => '/v1/calls/' + encodeURIComponent(c.id);

export function Wrap() {
  const a = self.value, wraps = Boolean(a?.until) && !a.busy, c = spoke.value, [open, show] = useState(false), [, again] = useState(0), box = useRef();
  const unsaved = Boolean(c) && drafted(at(c));
  useEffect(() => {
    if (c) show(noting.has(c.id) || unsaved);
    else if (wraps) api('GET', '/v1/records?limit=1').then(all => { spoke.value ??= all[0] ?? null; }, () => {});
  }, [wraps, c?.id]);
  useEffect(() => { // whoever was writing goes on
    const text = box.current?.querySelector('textarea');
    if (open && unsaved && document.activeElement === document.body) { text?.focus(); text?.setSelectionRange(1e4, 1e4); }
  }, [open]);
  if (!c || !wraps && !unsaved) return null;
  return html`<section class="float" role="region" aria-label="Wrap-up" ref=${box}>
    <div class="line"><div class="grow"><p class="who cut">${title(c)}</p><p class="small muted">${wraps ? 'Wrap-up of this call' : 'Your note is not saved yet'}</p></div>${wraps && html`<span class="num strong" title="Time left">${length(until(a.until))}</span>`}</div>
    <div class="row"><button aria-expanded=${open} onClick=${() => show(!open)}><${Icon} name="note"/>Notes</button><button onClick=${() => go('calls/' + c.id)}><${Icon} name="list"/>Details</button>
      ${wraps && html`<button class="primary end" onClick=${() => attempt(() => api('POST', `/v1/agents/${encodeURIComponent(me.value.agent)}/status`, { active: true }))}>Switch to active</button>`}</div>
    ${open && html`<${Notes} key=${c.id} at=${at(c)} of=${c} onChange=${() => again(n => n + 1)}/>`}</section>`;
}

// Figures are how the sound fares in this browser.
export const Figures = ({ of: s }) => html`<p class="small muted num" data-figures>${s.codec ?? 'No sound yet'} · loss ${(100 * (s.loss ?? 0)).toFixed(1)} % · jitter ${Math.round(s.jitter ?? 0)} ms${s.trip !== undefined ? ` · there and back ${Math.round(s.trip)} ms` : ''} · MOS ${s.mos.toFixed(1)}</p>`;
const Quality = ({ of: s }) => html`<details class="small"><summary>Sound: ${s.mos >= 4 ? 'good' : s.mos >= 3.4 ? 'fair' : 'poor'}</summary><${Figures} of=${s}/></details>`;

// Watching is what a supervisor beside a call can do: be heard by nobody, by the agent alone, by all, or leave.
function Watching({ part }) {
  const at = `/v1/calls/${encodeURIComponent(part.card.id)}/watch`, names = { listen: 'Listen', whisper: 'Whisper', barge: 'Barge' };
  return html`<div class="row" role="group" aria-label="Who hears you">
    ${Object.entries(names).map(([mode, name]) => html`<button key=${mode} aria-pressed=${part.watch.mode === mode} disabled=${Boolean(part.watch.rings)} title=${{ listen: 'Nobody hears you', whisper: 'The agent alone hears you', barge: 'All hear you, and the recording' }[mode]} onClick=${() => attempt(() => api('PATCH', at, { mode }))}>${name}</button>`)}
    <button class="stop" data-do="end" onClick=${() => attempt(() => api('DELETE', at))}><${Icon} name="end"/>Leave</button></div>`;
}

// Steps are what can be done with a transfer that asks first, or is on its way.
function Steps({ part }) {
  const t = part.transfer, id = part.card.id;
  return html`<div class="row">
    ${t.talking && html`<button class="primary" onClick=${() => order(id, 'complete')}><${Icon} name="check"/>Complete</button>
      <button onClick=${() => order(id, 'swap')}><${Icon} name="swap"/>Swap</button>
      <button aria-pressed=${Boolean(t.merged)} onClick=${() => order(id, 'merge')}><${Icon} name="merge"/>Merge</button>`}
    <button onClick=${() => order(id, 'cancel')}><${Icon} name="x"/>Cancel transfer</button></div>`;
}

function Keypad({ call }) {
  const [sent, add] = useState(''), input = useFocus();
  const press = text => { const d = text.toUpperCase().replace(/[^0-9A-D*#]/g, '').slice(0, 32); if (d) { add(s => (s + d).slice(-24)); order(call, 'keypad', { digits: d }); } };
  return html`<div class="stack"><input ref=${input} aria-label="Keys that were pressed; type or paste more" class="num" value=${sent} inputmode="tel" readonly
      onKeyDown=${e => { if (e.key.length === 1 && !e.ctrlKey && !e.metaKey) { e.preventDefault(); press(e.key); } }} onPaste=${e => { e.preventDefault(); press(e.clipboardData.getData('text')); }}/>
    <div class="keypad">${[...'123456789*0#'].map(d => html`<button onClick=${() => press(d)}>${d}</button>`)}</div></div>`;
}
