// The call card: what happened, with whom, and the recording.
import { html, useEffect, useState } from './lib/ui.js';
import { admin, supervises, me, go, parts } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { Icon, Menu, Confirm, Avatar, title, number, customer, agentName, teamName, outcome, clock, day, spoken, whither, chosen } from './parts.js';
import { Call } from './dial.js';
import { Player } from './player.js';
import { Notes } from './notes.js';

export function Card({ id, recording, at = 0 }) {
  const [c, set] = useState(null), [wrong, say] = useState('');
  const load = async () => { try { set(await api('GET', '/v1/calls/' + encodeURIComponent(id))); say(''); } catch (e) { say(e.message); } };
  useEffect(() => { load(); return onFacts(list => { if (list.some(f => f.call === id)) load(); }); }, [id]);
  if (wrong && !c) return html`<p class="alert" role="alert">${wrong}</p><p><a href="#/calls">Back to the calls</a></p>`;
  if (!c) return html`<p class="muted">Loading…</p>`;
  return html`<div class="title"><a class="button icon plain" href="#/calls" aria-label="Back to the calls"><${Icon} name="back"/></a><${Avatar} name=${title(c)}/>
      <div class="grow"><h1>${title(c)}</h1><p class="muted">${{ outbound: 'Outgoing', internal: 'Internal' }[c.direction] ?? 'Incoming'} · ${day(c.initiated)} · ${c.in_progress ? 'in progress' : spoken(c.duration_seconds)}</p></div>
      ${c.direction !== 'internal' && customer(c) && html`<${Call} to=${customer(c)}><${Icon} name="phone"/> Call ${number(customer(c))}<//>`}</div>
    <div class="columns"><div class="stack">
      ${c.recordings.map(r => html`<${Recording} key=${r.id} card=${c} rec=${r} at=${r.id === recording ? at : 0}/>`)}
      <section class="card stack"><h2>What happened</h2><${Timeline} card=${c}/></section></div>
    <div class="stack"><section class="card stack"><h2>Details</h2><dl class="facts">
      ${c.direction !== 'internal' && html`<dt>Customer</dt><dd>${c.contact ? html`<a href=${'#/people/' + encodeURIComponent(c.contact)}>${c.name || 'No name'}</a>` : c.name || 'No name'}</dd><dt>Number</dt><dd><${Call} to=${customer(c)}>${number(customer(c))}<//></dd>`}
      <dt>Dialled</dt><dd class="num">${number(c.dialled)}</dd>${c.flow && html`<dt>Flow</dt><dd>${c.flow}</dd>`}
      <dt>Waited</dt><dd>${spoken(c.queue_seconds)}</dd><dt>Talked</dt><dd>${spoken(c.talk_seconds)}</dd>${c.hold_seconds > 0 && html`<dt>On hold</dt><dd>${spoken(c.hold_seconds)}</dd>`}
      ${c.ended_reason && html`<dt>Ended</dt><dd>${c.ended_reason}</dd>`}</dl></section>
      ${c.sound?.length > 0 && html`<section class="card stack"><h2>Sound</h2>${c.sound.map(s => html`<${Sound} key=${s.leg} of=${s}/>`)}</section>`}
      <section class="card stack"><h2>Notes</h2><${Notes} at=${"/v1/calls/" + encodeURIComponent(c.id)} of=${c}/></section></div></div>`;
}

// Sound is how a leg fared: what came from it, and what it says of what went there.
function Sound({ of: s }) {
  const way = (name, x) => x?.packets > 0 && html`<dt>${name}</dt><dd class="num">loss ${x.loss_percent.toFixed(1)} % · jitter ${Math.round((x.jitter_ns ?? 0) / 1e6)} ms${x.mos ? ` · MOS ${x.mos.toFixed(1)}` : ''}</dd>`;
  return html`<div><h3>${s.agent ? agentName(s.agent) : s.party === 'caller' ? 'Customer' : 'Outside number'}</h3><dl class="facts">
    <dt>Codec</dt><dd>${s.codec}${s.round_trip_ns ? html` · <span class="num">there and back ${Math.round(s.round_trip_ns / 1e6)} ms</span>` : ''}</dd>${way('From there', s.heard)}${way('To there', s.told)}
    ${s.unheard?.map(u => html`<dt>Not heard</dt><dd><span class="num">${clock(u.from)}${u.to ? '–' + clock(u.to) : ''}</span></dd>`)}</dl></div>`;
}

function Recording({ card, rec, at: from }) {
  const [ask, set] = useState(false);
  const at = `/v1/calls/${encodeURIComponent(card.id)}/recordings/${encodeURIComponent(rec.id)}`;
  const gone = rec.note?.startsWith('deleted');
  return html`<section class="card stack"><div class="row"><h2 class="grow">Recording${rec.agent ? ` · ${agentName(rec.agent)}` : ''}</h2><span class="muted num">${spoken(rec.duration_seconds)}</span>
      ${!gone && rec.sealed && html`<${Menu} title="More about this recording" kind="icon plain" label="⋯"><a class="button" href=${at} download>Download recording</a>${rec.transcript === 'done' && [['text', 'Download transcript'], ['vtt', 'Download transcript as WebVTT'], ['json', 'Download transcript as JSON']].map(([form, name]) => html`<a class="button" key=${form} href=${at + '/transcript/' + form} download>${name}</a>`)}
        ${admin.value && html`<button onClick=${() => set(true)}><${Icon} name="trash"/>Delete recording and transcript</button>`}<//>`}</div>
    ${gone ? html`<p class="muted">The recording was ${deleted(rec.note)}.</p>` : !rec.sealed ? html`<p class="muted">It can be played when it is finished.</p>` : html`<${Player} at=${at} call=${card.id} length=${rec.duration_seconds} from=${from}/>`}
    ${rec.note && !gone && html`<p class="small muted">${rec.note}</p>`}
    ${rec.pauses?.length > 0 && html`<p class="small muted">Paused ${rec.pauses.map(p => `${clock(p.from)}${p.to ? '–' + clock(p.to) : ''}${p.by ? ' by ' + agentName(p.by) : ''}`).join(', ')}.</p>`}
    ${ask && html`<${Confirm} label="Delete this recording?" text="The sound and its transcript are deleted for good. Who deleted them stays on the card." yes="Delete" onClose=${() => set(false)} onYes=${() => attempt(() => api('DELETE', at))}/>`}</section>`;
}

function deleted(note) {
  const m = /^deleted (\S+) by (.*)$/.exec(note);
  return m ? `deleted on ${new Date(m[1]).toLocaleString()} by ${agentName(m[2])}` : note;
}

// Timeline puts what the card says in one order.
function Timeline({ card: c }) {
  const all = [];
  const add = (t, tone, text) => { if (t) all.push({ t, tone, text }); };
  add(c.initiated, '', c.direction === 'outbound' ? `${agentName(c.agent)} called ${number(c.dialled)}` : c.direction === 'internal' ? `${agentName(c.agent)} called ${agentName(c.dialled)}` : `Call from ${number(c.caller)} to ${number(c.dialled)}`);
  for (const x of c.choices ?? []) add(x.at, '', `Chose ${chosen(x)}`);
  for (const o of c.offers ?? []) add(o.ended ?? o.made, o.outcome === 'accepted' ? 'go-tone' : o.outcome ? 'stop-tone' : 'accent-tone', `${agentName(o.agent)} ${outcome(o.outcome)}${o.rang && o.ended ? ` after ${spoken((Date.parse(o.ended) - Date.parse(o.rang)) / 1000)}` : ''}${o.too_late ? ', then answered too late' : ''}`);
  for (const s of c.segments) {
    const by = s.agent ? agentName(s.agent) : '';
    const words = { queue: `Waited for ${teamName(s.team ?? '') || 'an agent'}`, talk: `Talked with ${by}`, hold: 'On hold', consult: `On hold while ${by} asked somebody`, forward: 'With an outside number' }[s.kind];
    if (words) add(s.from, s.kind === 'talk' ? 'go-tone' : s.kind === 'queue' ? 'accent-tone' : 'warn-tone', words + (s.to ? `, ${spoken((Date.parse(s.to) - Date.parse(s.from)) / 1000)}` : ''));
  }
  for (const t of c.transfers ?? []) { add(t.began, 'accent-tone', `${agentName(t.by)} ${t.ask ? 'asked' : 'transferred to'} ${whither(t.to)}`); if (t.ended) add(t.ended, t.outcome === 'accepted' ? 'go-tone' : 'stop-tone', t.outcome === 'accepted' ? `Handed over to ${whither(t.to)}` : `${whither(t.to)} ${outcome(t.outcome)}`); }
  for (const r of c.recordings) for (const p of r.pauses ?? []) { add(p.from, 'warn-tone', `Recording paused${p.by ? ' by ' + agentName(p.by) : ''}`); add(p.to, 'go-tone', 'Recording goes on'); }
  add(c.ended, '', `Ended: ${c.ended_reason}`);
  all.sort((a, b) => Date.parse(a.t) - Date.parse(b.t));
  return html`<ol class="timeline">${all.map((x, i) => html`<li key=${i}><time class="num" datetime=${x.t}>${clock(x.t)}</time><span class=${'dot ' + x.tone}></span><span>${x.text}</span></li>`)}</ol>`;
}
