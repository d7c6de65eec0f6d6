// Whom to transfer to: teammates, teams, a number. At once, or after a word with them.
import { html, useState } from './lib/ui.js';
import { staff, me } from './state.js';
import { order } from './net.js';
import { Icon, Avatar, Since, useFocus, dialled } from './parts.js';
import { condition } from './header.js';


export function Picker({ call, onDone }) {
  const [text, write] = useState(''), [busy, set] = useState(false), input = useFocus(), to = dialled(text);
  const q = text.trim().toLowerCase();
  const fits = x => !q || x.name.toLowerCase().includes(q) || x.id.toLowerCase().includes(q);
  const hand = async (whom, ask) => { set(true); if (await order(call, 'transfer', { to: whom, ask })) onDone(); set(false); };
  const Two = ({ to, off, name }) => html`<span class="row"><button disabled=${busy || Boolean(off)} title=${off || ''} onClick=${() => hand(to, false)} aria-label=${`Transfer: ${name}`}>Transfer</button><button disabled=${busy || Boolean(off)} title=${off || ''} onClick=${() => hand(to, true)} aria-label=${`Ask first: ${name}`}>Ask first</button></span>`;
  const agents = staff.value.agents.filter(a => a.id !== me.value.agent && fits(a)).sort((a, b) => b.available - a.available || b.online - a.online);
  const teams = staff.value.teams.filter(fits);
  return html`<div class="stack"><input ref=${input} aria-label="Search a teammate, a team, or write a number" placeholder="Name, team or number" value=${text} onInput=${e => write(e.target.value)}/>
    <ul class="list" style="max-height:16rem;overflow:auto">
      ${to && html`<li class="item pick"><span class="avatar"><${Icon} name="phone"/></span><span class="num">${to}</span><${Two} to=${{ number: to }} name=${to}/></li>`}
      ${teams.map(t => html`<li class="item pick" key=${'t' + t.id}><span class="avatar"><${Icon} name="people"/></span><span class="cut">${t.name}<br/><span class="sub">${t.available} available · ${t.waiting} waiting</span></span><${Two} to=${{ team: t.id }} name=${t.name} off=${t.present ? '' : 'Nobody of this team is online'}/></li>`)}
      ${agents.map(a => { const c = condition(a); return html`<li class="item pick" key=${'a' + a.id}><${Avatar} name=${a.name}/><span class="cut">${a.name}<br/><span class="sub">${c.word}${a.since ? html` <${Since} t=${a.since}/>` : ''}</span></span><${Two} to=${{ agent: a.id }} name=${a.name} off=${a.online ? '' : a.why || 'Not online'}/></li>`; })}
      ${agents.length + teams.length === 0 && !to && html`<li class="item pick"><span></span><span class="muted">Nobody of that name.</span><span></span></li>`}
    </ul></div>`;
}
