// The player: the browser's own audio with ranges and speed, and our waveform of the two sides.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { theme } from './state.js';
import { api } from './net.js';
import { Icon, length as text } from './parts.js';
import { Transcript } from './transcript.js';

const speeds = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

// from is where it begins, as a search found it.
export function Player({ at, call, length, from = 0 }) {
  const audio = useRef(), canvas = useRef(), [t, set] = useState(0), [plays, go] = useState(false), [peaks, have] = useState(null), [speed, choose] = useState(1), [wrong, say] = useState('');
  useEffect(() => { api('GET', at + '/peaks').then(have, () => have(null)); }, [at]);
  useEffect(() => { draw(canvas.current, peaks, t / (length || 1)); }, [peaks, t, length, theme.value]);
  useEffect(() => { const f = () => draw(canvas.current, peaks, t / (length || 1)); addEventListener('resize', f); return () => removeEventListener('resize', f); });
  useEffect(() => { if (from) { audio.current.currentTime = from; canvas.current.scrollIntoView({ block: 'center' }); } }, [from]);
  const seek = s => { audio.current.currentTime = Math.max(0, Math.min(length, s)); };
  const point = e => { const r = e.currentTarget.getBoundingClientRect(); seek((e.clientX - r.left) / r.width * length); };
  const key = e => { const d = { ArrowLeft: -5, ArrowRight: 5, Home: -1e9, End: 1e9 }[e.key]; if (d) { e.preventDefault(); seek(audio.current.currentTime + d); } };
  return html`<div class="stack"><audio ref=${audio} src=${at} preload="metadata" onTimeUpdate=${e => { set(e.target.currentTime); }} onPlay=${() => go(true)} onPause=${() => go(false)} onError=${() => say('The recording cannot be played.')}></audio>
    <canvas ref=${canvas} class="wave" tabindex="0" role="slider" aria-label="Position in the recording; the customer above, the agent below" aria-valuemin="0" aria-valuemax=${Math.round(length)} aria-valuenow=${Math.round(t)} aria-valuetext=${`${text(t)} of ${text(length)}`} onPointerDown=${e => { if (e.button === 0) { e.currentTarget.setPointerCapture(e.pointerId); point(e); } }} onPointerMove=${e => { if (e.currentTarget.hasPointerCapture(e.pointerId)) point(e); }} onKeyDown=${key}></canvas>
    <div class="row"><button class="primary" onClick=${() => plays ? audio.current.pause() : audio.current.play()}><${Icon} name=${plays ? 'hold' : 'play'}/>${plays ? 'Pause' : 'Play'}</button>
      <button onClick=${() => seek(t - 10)} aria-label="−10 s, back">−10 s</button><button onClick=${() => seek(t + 10)} aria-label="+10 s, on">+10 s</button>
      <span class="num muted grow">${text(t)} / ${text(length)}</span>
      <label class="row small">Speed<select class="speed" value=${speed} onChange=${e => { const v = Number(e.target.value); choose(v); audio.current.playbackRate = v; }}>${speeds.map(s => html`<option value=${s}>${s}×</option>`)}</select></label></div>
    ${wrong && html`<p class="alert" role="alert">${wrong}</p>`}
    <${Transcript} at=${at} call=${call} time=${t} onSeek=${seek}/></div>`;
}

// draw shows the customer above the middle, the agent below; what was played is brighter.
function draw(c, peaks, part) {
  if (!c) return;
  const dpr = devicePixelRatio || 1, w = c.clientWidth, h = c.clientHeight, style = getComputedStyle(c), g = c.getContext('2d');
  c.width = w * dpr; c.height = h * dpr; g.scale(dpr, dpr);
  g.clearRect(0, 0, w, h);
  const colour = name => { const p = document.createElement('i'); p.style.color = `var(${name})`; c.parentNode.append(p); const v = getComputedStyle(p).color; p.remove(); return v; };
  const tones = [colour('--accent'), colour('--go')], rest = colour('--muted');
  const sides = peaks?.channels ?? [];
  const bars = Math.floor(w / 3), mid = h / 2;
  for (let i = 0; i < bars; i++) {
    const done = i / bars <= part;
    for (let s = 0; s < 2; s++) {
      const all = sides[s] ?? [];
      let top = 0;
      for (let k = Math.floor(i / bars * all.length); k < Math.max(Math.floor((i + 1) / bars * all.length), Math.floor(i / bars * all.length) + 1); k++) top = Math.max(top, all[k] ?? 0);
      const high = Math.max(1, Math.sqrt(top / 255) * (mid - 4));
      g.globalAlpha = done ? 1 : 0.45;
      g.fillStyle = done ? tones[s] : rest;
      g.fillRect(i * 3, s === 0 ? mid - 1 - high : mid + 1, 2, high);
    }
  }
  g.globalAlpha = 1; g.fillStyle = tones[0]; g.fillRect(Math.min(w - 2, part * w), 0, 2, h);
}
