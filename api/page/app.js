// The Help Desk: who is signed in, which screen is shown, and what floats above all of them.
import { html, render, effect, useEffect, useState } from './lib/ui.js';
import { me, route, parts, offers, active, elsewhere, dialer, supervises, admin, queues } from './state.js';
import { api, connect, onFacts, tell, order } from './net.js';
import { Icon, Toasts, title, agentName } from './parts.js';
import { Header, Waiting } from './header.js';
import { Offer, Over, watchOffers } from './offer.js';
import { Widget, Wrap, useMove } from './widget.js';
import { legOf } from './phone.js';
import { Dialer } from './dial.js';
import { SignIn } from './signin.js';
import { watchCalls } from './watch.js';
import { wake } from './tone.js';
import { unheard } from './mail.js';

// Screens are loaded when they are first opened. A new one is a line here.
const screens = [
  { id: 'calls', name: 'Calls', icon: 'phone', load: () => import('./calls.js') },
  { id: 'callbacks', name: 'Callbacks', icon: 'callback', load: () => import('./callbacks.js') },
  { id: 'voicemail', name: 'Voicemail', icon: 'mail', load: () => import('./voicemail.js'), lit: unheard },
  { id: 'people', name: 'People', icon: 'people', load: () => import('./people.js') },
  { id: 'wall', name: 'Wallboard', icon: 'wall', load: () => import('./wall.js'), may: () => supervises.value },
  { id: 'house', name: 'Switch', icon: 'cog', load: () => import('./house.js'), may: () => admin.value },
];
const loaded = {};

function Screen() {
  const [, again] = useState(0), [id, ...rest] = route.value.split('/');
  const screen = screens.find(s => s.id === id && (!s.may || s.may())) ?? screens.find(s => !s.may || s.may());
  useEffect(() => { if (!loaded[screen.id]) screen.load().then(m => { loaded[screen.id] = m.default; again(n => n + 1); }); }, [screen.id]);
  const Show = loaded[screen.id];
  return Show ? html`<${Show} key=${screen.id} path=${rest.map(decodeURIComponent)}/>` : html`<p class="muted">Loading…</p>`;
}

function Nav() {
  const at = route.value.split('/')[0];
  return html`<div class="side"><div><nav aria-label="Screens">${screens.filter(s => !s.may || s.may()).map(s => html`<a key=${s.id} href=${'#/' + s.id} class=${s.minor ? 'minor' : ''} aria-current=${at === s.id ? 'page' : undefined}><${Icon} name=${s.icon}/><span>${s.name}</span>${s.lit?.value > 0 && html`<span class="badge accent-tone num" title="new">${s.lit.value}</span>`}</a>`)}</nav>
    ${queues.value.length > 0 && html`<section class="queues" aria-label="Your queues"><h2 class="small muted">Your queues</h2>${queues.value.map(t => html`<p key=${t.id}><span class="cut strong">${t.name}</span><br/><span class=${'small ' + (t.waiting ? '' : 'muted')}><${Waiting} team=${t}/></span></p>`)}</section>`}</div></div>`;
}

function Floats() {
  const move = useMove();
  if (!offers.value.length && !active.value.length) return html`<div class="floats"><${Wrap}/><${Over}/></div>`;
  return html`<div class="floats" style=${move.style} ...${move.grip}>
    <button class="sr" onKeyDown=${move.keys} onFocus=${e => e.target.classList.remove('sr')} onBlur=${e => e.target.classList.add('sr')}>Move with the arrow keys</button>
    ${offers.value.map(p => html`<${Offer} key=${'o' + p.card.id} part=${p}/>`)}
    ${active.value.map(p => html`<${Widget} key=${'c' + legOf(p)} part=${p}/>`)}<${Over}/></div>`;
}

function App() {
  if (!me.value) return html`<div class="welcome"><p class="muted">Loading…</p></div>`;
  if (!me.value.signed_in) return html`<${SignIn}/><${Toasts}/>`;
  if (elsewhere.value) return html`<div class="welcome"><main class="card"><h1>In use elsewhere</h1><p>You have the Help Desk open in another tab or on another machine. Calls show there.</p><button class="primary" onClick=${() => tell({ type: 'take' })}>Use it here</button></main></div>`;
  const full = route.value === 'wall/full';
  return html`<div class=${full ? 'wall' : ''}><a class="skip" href="#main" onClick=${e => { e.preventDefault(); document.getElementById('main').focus(); }}>Skip to the content</a>
    <div class="frame"><${Header}/><${Nav}/><main id="main" tabindex="-1"><${Screen}/></main></div>
    <${Floats}/>${dialer.value !== null && html`<${Dialer}/>`}<${Toasts}/>
    <div class="sr" aria-live="assertive" data-announce></div></div>`;
}

// An offer is announced once, and takes no focus: a space typed into a note must not answer.
let announced = '';
effect(() => {
  const p = offers.value[0], key = p ? p.card.id + p.role : '';
  queueMicrotask(() => {
    const el = document.querySelector('[data-announce]');
    if (el && key !== announced) { announced = key; el.textContent = p ? `Incoming call from ${p.role === 'called' ? agentName(p.by) : title(p.card)}` : ''; }
  });
});

const verbs = { KeyA: 'answer', KeyD: 'decline', KeyM: 'mute', KeyH: 'hold', KeyE: 'end' };
addEventListener('keydown', e => {
  if (!e.ctrlKey || !e.shiftKey || e.altKey || e.metaKey || localStorage.getItem('keys') === 'off' || !verbs[e.code]) return;
  const b = document.querySelector(`.floats [data-do=${verbs[e.code]}]:not([disabled])`);
  if (b) { e.preventDefault(); b.click(); }
});

onFacts(watchOffers);
onFacts(watchCalls);
effect(() => { if (me.value?.signed_in) { connect(); setTimeout(wake, 500); } });

render(html`<${App}/>`, document.getElementById('app'));
(async function ask() { // who is signed in; a switch that restarts is asked again
  try { me.value = await api('GET', '/desk/session'); } catch { setTimeout(ask, 1000); }
})();
