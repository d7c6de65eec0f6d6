// The bar at the top: am I available, since when, on which device.
import { html, useState } from './lib/ui.js';
import { me, self, queues, connection, setTheme, theme, dialer, supervises, active } from './state.js';
import { api, attempt, signedOut } from './net.js';
import { able, unable, device, choose } from './phone.js';
import { dumb } from './tone.js';
import { Lamp } from './mail.js';
import { Icon, Menu, Since, since, until, length, Dialog } from './parts.js';

const reasons = ['Break', 'Lunch', 'Meeting', 'Training'];

const setStatus = (active, reason) => attempt(() => api('POST', `/v1/agents/${encodeURIComponent(me.value.agent)}/status`, reason ? { active, reason } : { active }));
const setChannel = channel => attempt(() => api('POST', `/v1/agents/${encodeURIComponent(me.value.agent)}/channel`, { channel }));

// What an agent is now, in a word and a tone.
export function condition(a) {
  if (!a) return { word: 'Offline', tone: '' };
  if (a.busy === 'talking') return { word: a.status === 'away' && !a.until ? `In a call, then away` : 'In a call', tone: 'stop-tone' };
  if (a.busy === 'ringing') return { word: 'Ringing', tone: 'accent-tone' };
  if (a.until) return { word: 'Wrap-up', tone: 'warn-tone' };
  if (a.status === 'away') return { word: a.reason ? `Away, ${a.reason}` : 'Away', tone: 'warn-tone' };
  if (!a.phones && !a.browser) return { word: 'No phone', tone: '' };
  if (a.channel === 'conversations') return { word: 'No calls', tone: 'warn-tone' };
  return a.available ? { word: 'Available', tone: 'go-tone' } : { word: 'Not available', tone: 'warn-tone' };
}

function Availability() {
  const a = self.value, [other, ask] = useState(false), [text, write] = useState('');
  if (!a) return null;
  const c = condition(a), wraps = Boolean(a.until), missed = a.status === 'away' && a.reason === 'not answering' && !a.busy;
  const label = html`<span class=${'dot ' + c.tone}></span><span class="cut">${c.word}</span>
    ${wraps ? html`<span class="num">${length(until(a.until))}</span>` : a.since && html`<span class="muted optional"><${Since} t=${a.since}/></span>`}<${Icon} name="down"/>`;
  return html`
    ${(wraps || missed) && html`<button class="primary" title=${missed ? 'You were set away, because calls rang and you did not answer' : ''} onClick=${() => setStatus(true)}>Switch to active</button>`}
    <${Menu} label=${label} title=${`Your status: ${c.word}`} cls="status">
      ${queues.value.map(t => html`<p key=${t.id} class="narrow-on small muted cut" style="padding:.15rem .9rem">${t.name}: <${Waiting} team=${t}/></p>`)}
      <button onClick=${() => setStatus(true)}><span class="dot go-tone"></span>Active</button>
      ${reasons.map(r => html`<button onClick=${() => setStatus(false, r)}><span class="dot warn-tone"></span>Away: ${r}</button>`)}
      <button onClick=${() => ask(true)}><span class="dot warn-tone"></span>Away for another reason…</button><hr/>
      ${[['all', 'Calls and conversations'], ['phone', 'Calls only'], ['conversations', 'No calls']].map(([id, name]) => html`
        <button aria-pressed=${a.channel === id} onClick=${() => setChannel(id)}>${name}</button>`)}
    <//>
    ${other && html`<${Dialog} label="Why are you away?" onClose=${() => ask(false)}>
      <form class="row" onSubmit=${e => { e.preventDefault(); setStatus(false, text.trim()); ask(false); }}>
        <input class="grow" aria-label="Reason" maxlength="100" value=${text} onInput=${e => write(e.target.value)} placeholder="In a word or two"/><button class="primary">Away</button></form><//>`}`;
}

// Who waits in a team, for those who could answer.
export const Waiting = ({ team: t }) => t.waiting ? html`<span class="num">${t.waiting} waiting, ${length(since(t.oldest))}</span>` : 'nobody waits';

// Where calls ring, to be chosen and tried.
let SetUp = null;
function Device() {
  const a = self.value, [checks, check] = useState(false);
  if (!a) return null;
  const here = device.value === 'browser';
  const desk = a.phones ? (a.phones === 1 ? 'Desk phone' : `${a.phones} phones`) : '';
  const word = here ? (desk ? `This browser, ${desk.toLowerCase()}` : 'This browser') : desk || (a.browser ? 'Another browser' : 'No phone');
  const rings = here || a.phones > 0 || a.browser;
  const open = async () => { SetUp ??= (await import('./setup.js')).default; check(true); };
  return html`<${Menu} cls=${'device' + (a.until ? ' narrow-off' : '')} title=${rings ? `Calls ring here: ${word}` : 'No phone of yours is there: calls cannot reach you'} label=${html`<span class=${'dot ' + (rings ? 'go-tone' : 'stop-tone')}></span><${Icon} name=${here ? 'mic' : 'phone'}/><span class="cut">${word}</span><${Icon} name="down"/>`}>
      <button aria-pressed=${here} disabled=${!able} title=${able ? '' : unable} onClick=${() => choose('browser')}><${Icon} name="mic"/>Ring in this browser</button>
      <button aria-pressed=${!here} onClick=${() => choose('phone')}><${Icon} name="phone"/>Ring on my desk phone alone</button><hr/>
      <button onClick=${open}>Check my set-up…</button><//>
    ${checks && SetUp && html`<${SetUp} onClose=${() => check(false)}/>`}`;
}

export function Header() {
  const up = connection.value === 'up', [keys, show] = useState(false);
  return html`<header class="top">
    <div class="brand"><i><${Icon} name="phone"/></i><span>Help Desk</span></div>
    <div class="grow"></div>
    ${!up && html`<span class="badge warn-tone" role="status"><span class="dot warn-tone"></span>Connecting…</span>`}
    ${dumb.value && me.value.agent && html`<button class="badge warn-tone" title="A browser lets a page sound when somebody has clicked in it">Click, and calls can ring</button>`}
    <${Lamp}/>
    <${Device}/>
    <${Availability}/>
    ${me.value.agent && html`<button class=${"icon" + (self.value?.until ? " narrow-off" : "")} aria-label="Make a call" title=${active.value.length ? 'Make a call: another one is going on' : 'Make a call'} onClick=${() => { dialer.value = ''; }}><${Icon} name="keypad"/></button>`}
    <${Menu} title="Your account" kind="icon plain" label=${html`<${Icon} name="user"/>`}>
      <p class="small muted cut" style="padding:.3rem .9rem">${me.value.name} · ${me.value.scope}</p><hr/>
      ${[['system', 'Like the system'], ['light', 'Light'], ['dark', 'Dark']].map(([id, name]) => html`<button aria-pressed=${theme.value === id} onClick=${() => setTheme(id)}>${name}</button>`)}<hr/>
      <button onClick=${() => show(true)}>Keys and sounds</button>
      <button onClick=${() => attempt(async () => { await api('DELETE', '/desk/session'); signedOut(); })}>Sign out</button>
      <button onClick=${() => attempt(async () => { await api('DELETE', '/desk/sessions'); signedOut(); })}>Sign out everywhere</button>
    <//>
    ${keys && html`<${Settings} onClose=${() => show(false)}/>`}</header>`;
}

function Settings({ onClose }) {
  const [, again] = useState(0);
  const permission = 'Notification' in window ? Notification.permission : 'unsupported';
  const flip = name => { localStorage.setItem(name, localStorage.getItem(name) === 'off' ? 'on' : 'off'); again(n => n + 1); };
  return html`<${Dialog} label="Keys and sounds" onClose=${onClose}>
    <table class="table"><tbody>${[['Answer', 'A'], ['Decline', 'D'], ['Mute', 'M'], ['Hold', 'H'], ['End the call', 'E']].map(([what, key]) => html`<tr><td>${what}</td><td><kbd>Ctrl + Shift + ${key}</kbd></td></tr>`)}</tbody></table>
    <div class="row"><button aria-pressed=${localStorage.getItem('keys') !== 'off'} onClick=${() => flip('keys')}>Keys are ${localStorage.getItem('keys') === 'off' ? 'off' : 'on'}</button>
    <button aria-pressed=${localStorage.getItem('tone') !== 'off'} onClick=${() => flip('tone')}>Ring tone is ${localStorage.getItem('tone') === 'off' ? 'off' : 'on'}</button>
    ${permission === 'default' && html`<button onClick=${() => Notification.requestPermission().then(() => again(n => n + 1))}>Allow notifications</button>`}</div>
    <p class="small muted">${permission === 'granted' ? 'Notifications are allowed.' : permission === 'denied' ? 'Notifications are blocked in the browser.' : ''}</p><//>`;
}
