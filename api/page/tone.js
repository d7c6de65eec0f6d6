// The ring tone, made by the page, on a device of its own. Browsers let it sound after the first click.
import { signal } from './lib/ui.js';

export const dumb = signal(false); // nobody has clicked yet: calls do not sound
let ctx = null, timer = 0;

// wake makes what sounds before the first call rings: to make it takes longer than to draw an offer.
export function wake() {
  try { ctx ??= new AudioContext(); } catch { return; }
  ctx.onstatechange = () => { dumb.value = ctx.state === 'suspended'; };
  ctx.onstatechange();
}
for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, () => { if (ctx?.state === 'suspended') ctx.resume().catch(() => {}); }, { passive: true });

async function sink(c, name) {
  const id = localStorage.getItem(name) ?? '';
  if (c.setSinkId && c.sink !== id) { c.sink = id; try { await c.setSinkId(id); } catch { /* it was unplugged */ } }
}

function notes(c, list) {
  for (const [at, hz, length] of list) {
    const o = c.createOscillator(), g = c.createGain(), t = c.currentTime + at;
    o.frequency.value = hz;
    g.gain.setValueAtTime(0.0001, t); g.gain.exponentialRampToValueAtTime(0.18, t + 0.02); g.gain.exponentialRampToValueAtTime(0.0001, t + length - 0.01);
    o.connect(g).connect(c.destination); o.start(t); o.stop(t + length);
  }
}

export function tone(on) {
  clearInterval(timer);
  timer = 0;
  if (!on) return;
  const ring = () => {
    if (!ctx) wake();
    if (!ctx) return;
    if (ctx.state !== 'running') { ctx.resume().catch(() => {}); return; }
    sink(ctx, 'ring');
    notes(ctx, [[0, 660, 0.17], [0.18, 880, 0.17], [0.36, 660, 0.17], [0.54, 880, 0.17]]);
  };
  setTimeout(() => { if (timer) ring(); }, 0); // first it is drawn
  timer = setInterval(ring, 2400);
}

// beep is heard where the far side will be.
export async function beep(name) {
  const c = new AudioContext();
  await sink(c, name);
  notes(c, [[0, 520, 0.3], [0.3, 780, 0.5]]);
  setTimeout(() => c.close(), 1500);
}
