// The ring tone, made by the page. Browsers let it sound after the first click.
let ctx = null, timer = 0;
export function tone(on) {
  clearInterval(timer);
  timer = 0;
  if (!on) return;
  const ring = () => {
    try { ctx ??= new AudioContext(); } catch { return; }
    if (ctx.state !== 'running') { ctx.resume().catch(() => {}); return; }
    for (const [at, hz] of [[0, 660], [0.18, 880], [0.36, 660], [0.54, 880]]) {
      const o = ctx.createOscillator(), g = ctx.createGain(), t = ctx.currentTime + at;
      o.frequency.value = hz;
      g.gain.setValueAtTime(0.0001, t); g.gain.exponentialRampToValueAtTime(0.18, t + 0.02); g.gain.exponentialRampToValueAtTime(0.0001, t + 0.16);
      o.connect(g).connect(ctx.destination); o.start(t); o.stop(t + 0.17);
    }
  };
  ring();
  timer = setInterval(ring, 2400);
}
