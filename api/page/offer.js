// What rings: who calls, for which team, how long they have waited, and how much time is left.
import { html, effect, useEffect, useState } from './lib/ui.js';
import { offers, over, parts, histories, go, me, self, now } from './state.js';
import { order } from './net.js';
import { answer, device, lines } from './phone.js';
import { Icon, customer, number, teamName, agentName, title, since, until, spoken, day, outcome, length, chosen } from './parts.js';
import { Known } from './person.js';
import { tone } from './tone.js';

const around = 2 * Math.PI * 21;

// Ring draws the time that is left; the server owns the deadline.
function Ring({ left, total }) {
  const part = Math.max(0, Math.min(1, left / total));
  return html`<span class="ring num"><svg viewBox="0 0 48 48" aria-hidden="true"><circle class="track" cx="24" cy="24" r="21"/><circle class="left" cx="24" cy="24" r="21" stroke-dasharray=${around} stroke-dashoffset=${around * (1 - part)}/></svg><span aria-hidden="true">${Math.max(0, Math.ceil(left))}</span></span>`;
}

export function Offer({ part }) {
  const c = part.card, [more, show] = useState(false), inside = part.role === 'called', here = part.browser && device.value === 'browser', line = lines.value[c.id];
  const offer = c.offers?.find(o => o.offer === part.offer);
  const total = offer?.rang && part.until ? (Date.parse(part.until) - Date.parse(offer.rang)) / 1000 : 30;
  const last = histories.value[c.id];
  const transfer = part.transfer && html`<p class="small"><span class="badge accent-tone">Transfer from ${agentName(part.transfer.by)}${part.transfer.ask ? ', who asks you first' : ''}</span></p>`;
  return html`<section class="float rings" role="region" aria-label="Incoming call">
    <div class="line">${!inside && (part.until ? html`<${Ring} left=${until(part.until)} total=${total}/>` : html`<${Ring} left=${total} total=${total}/>`)}
      <div class="grow"><p class="small muted">${inside ? 'A colleague calls' : `${c.callback ? 'Call back' : 'Incoming call'}${offer?.team ? ' · ' + teamName(offer.team) : ''}`}</p>
      <p class="who">${inside ? agentName(part.by) : title(c)}</p>${!inside && c.name && html`<p class="muted num">${number(customer(c))}</p>`}</div></div>
    ${transfer}
    ${!inside && html`<dl class="facts"><dt>Dialled</dt><dd class="num">${number(c.dialled)}</dd><dt>Waited</dt><dd class="num">${length(since(part.waited))}</dd>
      ${c.choices?.length > 0 && html`<dt>Chose</dt><dd>${c.choices.map(chosen).join(' → ')}</dd>`}</dl>`}
    ${!inside && html`<${Known} card=${c} all=${more}/>`}
    ${!inside && !more && last?.[0] && html`<p class="small"><span class="muted">Last call ${day(last[0].initiated)}:</span> ${ended(last[0])}</p>`}
    ${more && html`<${Last} calls=${last}/>`}
    ${part.answering && !here ? html`<p class="alert go-tone" role="status">Pick up your phone, if it does not answer by itself.</p>` : null}
    ${line ? html`<p class=${'alert ' + (line.problem ? 'stop-tone' : 'go-tone')} role="status">${line.problem || 'Connecting…'}</p>` : null}
    <div class="two"><button class="go" data-do="answer" aria-keyshortcuts="Control+Shift+A" title="Answer (Ctrl+Shift+A)" disabled=${(part.answering || Boolean(line)) && line?.state !== 'failed'} onClick=${() => here ? answer(c.id) : order(c.id, 'answer')}><${Icon} name="phone"/>${line?.state === 'failed' ? 'Try again' : 'Answer'}</button>
      <button class="stop" data-do="decline" aria-keyshortcuts="Control+Shift+D" title="Decline (Ctrl+Shift+D)" onClick=${() => order(c.id, 'decline')}><${Icon} name="x"/>${c.callback ? 'Ignore' : 'Decline'}</button></div>
    ${!inside && html`<button class="plain" aria-expanded=${more} onClick=${() => show(!more)}>${more ? 'Hide details' : 'See details'}</button>`}
  </section>`;
}

const ended = c => c.talk_seconds > 0 ? `talked ${spoken(c.talk_seconds)}` : c.ended_reason;

export function Last({ calls }) {
  if (!calls) return html`<p class="small muted">No earlier calls are known.</p>`;
  if (calls.length === 0) return html`<p class="small muted">The first call of this customer.</p>`;
  return html`<div><h3>Last calls</h3><ul class="small">${calls.map(c => html`<li class="row"><span class="muted">${day(c.initiated)}</span><span class="grow cut">${ended(c)}</span></li>`)}</ul></div>`;
}

export function Over() {
  const o = over.value;
  useEffect(() => { if (!o) return; const t = setTimeout(() => { if (over.value === o) over.value = null; }, 9000); return () => clearTimeout(t); }, [o]);
  return o && html`<section class="float" aria-label="The last offer"><div class="line"><p class="grow">${o}</p><button class="icon plain" aria-label="Close" onClick=${() => { over.value = null; }}><${Icon} name="x"/></button></div></section>`;
}

// How an offer of mine ended, told from the facts.
export function watchOffers(list) {
  for (const f of list) {
    if (f.agent !== me.value?.agent) continue;
    if (f.kind === 'offer.too_late') over.value = 'Too late: the time to answer was over. The customer is offered to the next teammate.';
    if (f.kind !== 'offer.ended' || f.outcome === 'accepted') continue;
    over.value = {
      declined: 'You declined. The customer keeps waiting, and the next teammate is rung.',
      no_answer: 'The time to answer is over. The next teammate is rung.',
      abandoned: 'The caller hung up before anybody answered.',
      unreachable: 'Your phone could not be made to ring. The next teammate is rung.',
      busy: 'Your phone was busy. The next teammate is rung.',
      misconfigured: "Your phone does not accept our codecs: have PCMU or PCMA allowed in its settings.",
      withdrawn: 'The call was taken back: a colleague has it, or it goes another way.',
    }[f.outcome] ?? `The call ${outcome(f.outcome)}.`;
  }
}

// What has ended is no matter any more when the next one rings.
const rang = new Set();
effect(() => {
  const fresh = offers.value.filter(p => !rang.has(p.card.id + p.offer));
  rang.clear();
  for (const p of offers.value) rang.add(p.card.id + p.offer);
  if (fresh.length) over.value = null;
});

// Ringing outside the tab: tone, title, and a notification where it is allowed.
let note = null, flash = 0;
effect(() => {
  const rings = offers.value.find(p => !p.answering);
  tone(Boolean(rings) && localStorage.getItem('tone') !== 'off');
  clearInterval(flash);
  document.title = 'Help Desk';
  if (!rings) { note?.close(); note = null; return; }
  const who = rings.role === 'called' ? agentName(rings.by) : title(rings.card);
  flash = setInterval(() => { document.title = document.title.startsWith('☎') ? 'Help Desk' : `☎ ${who}`; }, 800);
  if (note || !('Notification' in window) || Notification.permission !== 'granted') return;
  try { note = new Notification(`Incoming call: ${who}`, { tag: 'offer', requireInteraction: true, silent: true }); note.onclick = () => { window.focus(); note?.close(); }; } catch { /* not here */ }
});
