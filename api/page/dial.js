// Make a call: from anywhere in the page. The desk phone rings first and, where it can, answers by itself.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { dialer, me, staff } from './state.js';
import { api, attempt, tell } from './net.js';
import { Dialog, Icon, Avatar, dialled, number, teamName } from './parts.js';
import { device } from './phone.js';
import { condition } from './header.js';

export const Call = ({ to, children }) => me.value?.agent && to ? html`<button class="link num" title=${`Call ${to}`} onClick=${e => { e.preventDefault(); dialer.value = to; }}>${children}</button>` : html`<span class="num">${children}</span>`;

export function Dialer() {
  const [text, write] = useState(dialer.value ?? ''), [busy, set] = useState(false), [people, find] = useState([]), [shown, ids] = useState([]), [from, show] = useState(''), input = useRef();
  const mine = '/v1/agents/' + encodeURIComponent(me.value.agent);
  useEffect(() => {
    input.current?.focus(); input.current?.select();
    api('GET', mine).then(a => { ids(a.caller_ids); show(a.caller_ids.find(c => c.default)?.number ?? ''); }, () => {});
  }, []);
  const close = () => { dialer.value = null; };
  const dial = async (to, colleague) => {
    if (!to.trim() || busy) return;
    set(true);
    const r = await attempt(() => api('POST', mine + '/dial', { number: to.trim(), ...(from && !colleague && { from }) }));
    set(false);
    if (r) { tell({ type: 'look' }); close(); }
  };
  const named = /\p{L}{2}/u.test(text) && !dialled(text) ? text.trim() : '';
  useEffect(() => { // people by their name
    if (!named) { find([]); return; }
    const t = setTimeout(() => api('GET', '/v1/contacts?limit=5&q=' + encodeURIComponent(named)).then(find, () => find([])), 200);
    return () => clearTimeout(t);
  }, [named]);
  const paste = e => { const n = dialled(e.clipboardData.getData('text')); if (n) { e.preventDefault(); write(n); } };
  const q = text.trim().toLowerCase(), mates = staff.value.agents.filter(a => a.id !== me.value.agent && q && (a.name.toLowerCase().includes(q) || a.id.includes(q))).slice(0, 5);
  return html`<${Dialog} label="Make a call" onClose=${close}><form class="stack" onSubmit=${e => { e.preventDefault(); dial(dialled(text) || text, !dialled(text)); }}>
    <div class="line"><input ref=${input} class="grow num" aria-label="Number or colleague" placeholder="Number or colleague" inputmode="tel" autocomplete="off" value=${text} onInput=${e => write(e.target.value)} onPaste=${paste}/>
      <button class="go" disabled=${busy}><${Icon} name="phone"/>Call</button></div>
    ${mates.length > 0 && html`<ul class="list">${mates.map(a => html`<li class="item" key=${a.id}><${Avatar} name=${a.name}/><span>${a.name}<br/><span class="sub">${condition(a).word}</span></span><button type="button" onClick=${() => dial(a.id, true)}>Call</button></li>`)}</ul>`}
    ${people.length > 0 && html`<ul class="list">${people.flatMap(p => p.numbers.map(n => html`<li class="item" key=${p.id + n}><${Avatar} name=${p.name}/><span class="cut">${p.name || 'No name'}<br/><span class="sub num">${number(n)}</span></span><button type="button" aria-label=${`Call ${p.name} at ${number(n)}`} onClick=${() => dial(n)}>Call</button></li>`))}</ul>`}
    <div class="keypad" aria-label="Keypad" role="group">${[...'123456789*0#'].map(d => html`<button type="button" onClick=${() => write(t => t + d)}>${d}</button>`)}</div>
    ${(shown.length > 1 || shown.length > 0 && !shown.some(c => c.default)) && html`<label class="field small">Number that is shown<select value=${from} onChange=${e => show(e.target.value)}>
      ${!shown.some(c => c.default) && html`<option value="">The trunk's own</option>`}${shown.map(c => html`<option key=${c.number} value=${c.number}>${number(c.number)} · ${c.team ? teamName(c.team) : 'yours'}</option>`)}</select></label>`}
    <p class="small muted">${device.value === 'browser' ? 'You talk in this browser.' : 'Your phone rings first. Where it can, it answers by itself; else pick it up, and the number is called.'}</p></form><//>`;
}
