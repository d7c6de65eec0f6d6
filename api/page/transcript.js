// The words of a recording, in two voices. They follow the playback; a click goes there.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { supervises } from './state.js';
import { api, attempt, onFacts } from './net.js';
import { length } from './parts.js';

const words = { none: 'There is no transcript.', waiting: 'The transcript waits to be made.', running: 'The transcript is being made…', failed: 'The transcript failed' };

// Words are a stretch's text, of which each word that has a time can be clicked.
function Words({ said: s, time }) {
  const out = [], low = s.text.toLowerCase();
  let done = 0;
  for (const w of s.words ?? []) {
    const word = w.word.trim().toLowerCase(), at = word ? low.indexOf(word, done) : -1;
    if (at < 0) continue; // the driver writes it differently: it is text without a time
    out.push(s.text.slice(done, at), html`<span data-at=${w.start} class=${time >= w.start && time < w.end ? 'now' : ''}>${s.text.slice(at, at + word.length)}</span>`);
    done = at + word.length;
  }
  return [...out, s.text.slice(done)];
}

export function Transcript({ at, call, time, onSeek }) {
  const [t, set] = useState(null), [text, write] = useState(''), list = useRef();
  const load = () => api('GET', at + '/transcript').then(set, () => set({ state: 'none' }));
  useEffect(() => { load(); return onFacts(list => { if (list.some(f => f.call === call && f.kind.startsWith('transcript.'))) load(); }); }, [at]);
  const spoken = t?.transcript?.said?.findIndex(s => time >= s.start && time < s.end);
  useEffect(() => { // what is said now stays in view, without moving the page
    const now = list.current?.querySelector('[aria-current]'), box = list.current;
    if (now && time > 0) box.scrollTop = Math.min(now.offsetTop, Math.max(box.scrollTop, now.offsetTop + now.offsetHeight - box.clientHeight));
  }, [spoken]);
  if (!t) return null;
  if (t.state !== 'done') return html`<div class="row small muted"><span role="status">${words[t.state]}${t.why ? `: ${t.why}` : ''}</span>
    ${supervises.value && (t.state === 'none' || t.state === 'failed') && html`<button onClick=${() => attempt(async () => set(await api('POST', at + '/transcript')))}>Make it</button>`}</div>`;
  const q = text.trim().toLowerCase(), said = (t.transcript?.said ?? []).filter(s => !q || s.text.toLowerCase().includes(q));
  return html`<div class="stack"><div class="row"><h3 class="grow">Transcript</h3><input style="width:12rem" aria-label="Search the transcript" placeholder="Search" value=${text} onInput=${e => write(e.target.value)}/></div>
    ${said.length === 0 ? html`<p class="small muted">${q ? 'Nobody said that.' : 'Nothing was said that could be understood.'}</p>` : html`<ol class="said" ref=${list}>${said.map((s, i) => html`<li key=${i}><button class=${s.side === 0 ? 'voice0' : 'voice1'} aria-current=${time >= s.start && time < s.end ? 'true' : undefined} onClick=${e => onSeek(Number(e.target.dataset.at ?? s.start))}><span class="num small">${length(s.start)}</span><span><span class="small strong">${s.side === 0 ? 'Customer' : 'Agent'}</span><br/><${Words} said=${s} time=${time}/></span></button></li>`)}</ol>`}</div>`;
}
