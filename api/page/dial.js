// Make a call: from anywhere in the page. The desk phone rings first and, where it can, answers by itself.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { dialer, me, staff } from './state.js';
import { api, attempt, tell } from './net.js';
import { Dialog, Icon, Avatar } from './parts.js';
import { device } from './phone.js';
import { condition } from './header.js';

export const Call = ({ to, children }) => me.value?.agent && to ? html`<button class="link num" title=${`Call ${to}`} onClick=${e => { e.preventDefault(); dialer.value = to; }}>${children}</button>` : html`<span class="num">${children}</span>`;

export function Dialer() {
  const [text, write] = useState(dialer.value ?? ''), [busy, set] = useState(false), input = useRef();
  useEffect(() => { input.current?.focus(); input.current?.select(); }, []);
  const close = () => { dialer.value = null; };
  const dial = async to => {
    if (!to.trim() || busy) return;
    set(true);
    const r = await attempt(() => api('POST', `/v1/agents/${encodeURIComponent(me.value.agent)}/dial`, { number: to.trim() }));
    set(false);
    if (r) { tell({ type: 'look' }); close(); }
  };
  const q = text.trim().toLowerCase(), mates = staff.value.agents.filter(a => a.id !== me.value.agent && q && (a.name.toLowerCase().includes(q) || a.id.includes(q))).slice(0, 5);
  return html`<${Dialog} label="Make a call" onClose=${close}><form class="stack" onSubmit=${e => { e.preventDefault(); dial(text); }}>
    <div class="line"><input ref=${input} class="grow num" aria-label="Number or colleague" placeholder="Number or colleague" inputmode="tel" autocomplete="off" value=${text} onInput=${e => write(e.target.value)} onPaste=${e => { const t = e.clipboardData.getData('text').trim(); if (/^(tel:)?[+\d\s()./-]+$/i.test(t)) { e.preventDefault(); write(t.replace(/^tel:/i, '')); } }}/>
      <button class="go" disabled=${busy}><${Icon} name="phone"/>Call</button></div>
    ${mates.length > 0 && html`<ul class="list">${mates.map(a => html`<li class="item" key=${a.id}><${Avatar} name=${a.name}/><span>${a.name}<br/><span class="sub">${condition(a).word}</span></span><button type="button" onClick=${() => dial(a.id)}>Call</button></li>`)}</ul>`}
    <div class="keypad" aria-label="Keypad" role="group">${[...'123456789*0#'].map(d => html`<button type="button" onClick=${() => write(t => t + d)}>${d}</button>`)}</div>
    <p class="small muted">${device.value === 'browser' ? 'You talk in this browser.' : 'Your phone rings first. Where it can, it answers by itself; else pick it up, and the number is called.'}</p></form><//>`;
}
