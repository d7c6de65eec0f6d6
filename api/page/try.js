// A trunk is tried: its name, its answers, and if wanted a call over it. Each finding shows as it comes.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { Dialog } from './parts.js';

export function Try({ trunk, onClose }) {
  const [to, write] = useState(''), [found, add] = useState([]), [state, set] = useState('ask'), [wrong, say] = useState(''), stop = useRef();
  useEffect(() => () => stop.current?.abort(), []);
  const run = async call => {
    set('runs'); add([]); say('');
    stop.current = new AbortController();
    try {
      const r = await fetch(`/v1/trunks/${encodeURIComponent(trunk)}/test`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, signal: stop.current.signal,
        body: JSON.stringify(call ? to.trim() ? { number: to.trim() } : {} : { no_call: true }) });
      if (!r.ok) throw new Error((await r.json()).detail);
      const lines = r.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '', over = false;
      for (;;) {
        const { done, value } = await lines.read();
        if (done) break;
        const parts = (rest + value).split('\n');
        rest = parts.pop();
        for (const f of parts.filter(Boolean).map(JSON.parse)) if (f.done) over = true; else add(a => [...a, f]);
      }
      if (!over) say('The switch broke off.');
    } catch (e) { if (e.name !== 'AbortError') say(e.message || 'The switch cannot be reached.'); }
    set('done');
  };
  const bad = found.filter(f => !f.ok).length;
  return html`<${Dialog} label=${`Try the trunk ${trunk}`} onClose=${onClose}>
    <form class="stack" onSubmit=${e => { e.preventDefault(); run(true); }}><label class="field">Number to call<input class="num" inputmode="tel" value=${to} placeholder="Empty: one of ours, so that it comes back" onInput=${e => write(e.target.value)}/></label>
      <div class="row"><button class="primary" disabled=${state === 'runs'}>Send a test call</button><button type="button" disabled=${state === 'runs'} onClick=${() => run(false)}>Try without a call</button></div>
      <p class="small muted">A test call may cost what any call costs.</p></form>
    <ol class="stack" aria-label="Findings">${found.map((f, i) => html`<li key=${i}><p><span class=${'badge ' + (f.ok ? 'go-tone' : 'stop-tone')}>${f.ok ? 'ok' : 'wrong'}</span> <strong>${f.step}</strong></p><p style="overflow-wrap:anywhere">${f.text}</p>${(f.details ?? []).map(d => html`<p class="small muted" style="overflow-wrap:anywhere">${d}</p>`)}${f.cure && html`<p class="small">Cure: ${f.cure}</p>`}</li>`)}</ol>
    <div role="status">${wrong ? html`<p class="alert">${wrong}</p>` : state === 'runs' ? html`<p class="muted">Trying…</p>` : state === 'done' && found.length > 0 && html`<p class=${'alert ' + (bad ? '' : 'go-tone')}>${bad ? `${bad} of ${found.length} steps failed.` : `In order: ${found.length} steps.`}</p>`}</div><//>`;
}
