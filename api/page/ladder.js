// What the legs of a call said, drawn: a line for each leg, an arrow for each message, decisions between.
import { html, useEffect, useState } from './lib/ui.js';
import { api } from './net.js';
import { Icon, day } from './parts.js';

const high = 30, wide = 190, edge = 80;
const text = raw => new TextDecoder().decode(Uint8Array.from(atob(raw), c => c.charCodeAt(0)));
const header = (message, name) => new RegExp(`^(?:${name})\\s*:\\s*(.*?)\\r?$`, 'im').exec(message.split('\r\n\r\n')[0])?.[1].trim() ?? '';

function label(message) { // a request's method, or a response's status and method
  const first = message.split('\r\n')[0], answer = /^SIP\/2\.0 (.*)/.exec(first);
  const words = answer ? `${answer[1]} (${header(message, 'CSeq').split(' ')[1] ?? ''})` : first.split(' ')[0];
  return words + (message.includes('\r\n\r\nv=0') ? ' +sdp' : '');
}

// rungs puts messages and decisions in the order of time; lane 1 is the switch.
function rungs(c) {
  const legs = new Map(c.legs.map((l, i) => [l.call_id, i]));
  const all = (c.messages ?? []).map(m => {
    const t = text(m.raw), leg = legs.get(header(t, 'Call-ID|i'));
    return { at: m.at, in: m.in, lane: leg === undefined || leg === 0 ? 0 : leg + 1, label: label(t), text: t, from: m.in ? m.remote : m.local, to: m.in ? m.local : m.remote, over: m.transport };
  });
  for (const n of c.notes ?? []) all.push({ at: n.at, note: n.text });
  return all.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

export function Ladder({ id }) {
  const [c, set] = useState(null), [wrong, say] = useState('');
  useEffect(() => { api('GET', `/v1/calls/${encodeURIComponent(id)}/ladder`).then(set, e => say(e.message)); }, [id]);
  const Top = () => html`<div class="title"><a class="button icon plain" href="#/house" aria-label="Back to the switch"><${Icon} name="back"/></a><h1 class="grow">Messages of a call</h1>
    ${c && html`<a class="button" href=${`/v1/calls/${encodeURIComponent(id)}/ladder.pcap`} download=${`${id}.pcap`}><${Icon} name="download"/>pcap</a>`}<a class="button" href=${'#/calls/' + id}>Call card</a></div>`;
  if (wrong) return html`<${Top}/><p class="alert" role="alert">${wrong}</p>`;
  if (!c) return html`<${Top}/><p class="muted">Loading…</p>`;
  const all = rungs(c), began = all.length ? Date.parse(all[0].at) : 0, at = r => ((Date.parse(r.at) - began) / 1000).toFixed(3) + ' s';
  const names = [c.legs[0]?.name ?? 'caller', 'switch', ...c.legs.slice(1).map(l => l.name)], x = lane => edge + 40 + lane * wide;
  const w = x(names.length - 1) + edge, h = 40 + all.length * high;
  return html`<${Top}/>
    ${c.dropped > 0 && html`<p class="muted">${c.dropped} between the first and the latest had no room.</p>`}
    ${all.length === 0 ? html`<p class="muted">Nothing is kept of its messages.</p>` : html`
    <div class="card scroll" tabindex="0" role="region" aria-label="Ladder"><svg class="ladder" style=${`width:${w}px;height:${h}px`} viewBox=${`0 0 ${w} ${h}`} role="img" aria-label=${`${all.length} messages and decisions; the list below has them in words`}>
      ${names.map((n, i) => html`<g key=${'l' + i}><text class="name" x=${x(i)} y="16" text-anchor="middle">${n}</text><line class="lane" x1=${x(i)} y1="26" x2=${x(i)} y2=${h}/></g>`)}
      ${all.map((r, i) => { const y = 52 + i * high; return html`<g key=${i}><text class="time" x="4" y=${y}>${at(r)}</text>${r.note !== undefined ? html`<text class="note" x=${x(0) + 8} y=${y}>${r.note}</text>` : html`<${Arrow} r=${r} y=${y} x=${x}/>`}</g>`; })}</svg></div>
    <h2 style="margin:1.25rem 0 .75rem">In words</h2>
    <ol class="list">${all.map((r, i) => html`<li key=${i} style="padding:.4rem 1rem">${r.note !== undefined ? html`<span class="num small muted">${at(r)}</span> ${r.note}` : html`<details><summary><span class="num small muted">${at(r)}</span> ${r.in ? `${names[r.lane]} → switch` : `switch → ${names[r.lane]}`}: ${r.label}</summary><p class="small muted num">${r.from} → ${r.to} over ${r.over}, ${day(r.at)}</p><pre class="small" style="white-space:pre-wrap;overflow-wrap:anywhere">${r.text}</pre></details>`}</li>`)}</ol>`}`;
}

// Arrow goes between a leg and the switch. Legs beyond the next lane are crossed, as on paper.
function Arrow({ r, y, x }) {
  const [from, to] = r.in ? [x(r.lane), x(1)] : [x(1), x(r.lane)], way = Math.sign(to - from), middle = (x(r.lane) + (r.lane === 0 ? x(1) : x(r.lane - 1))) / 2;
  return html`<line class="message" x1=${from} y1=${y} x2=${to} y2=${y}/><path class="head" d=${`M${to} ${y}l${-8 * way} -4v8z`}/><text class="label" x=${middle} y=${y - 5} text-anchor="middle">${r.label.length > 26 ? r.label.slice(0, 25) + '…' : r.label}</text>`;
}
