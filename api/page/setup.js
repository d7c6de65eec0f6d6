// Check my set-up: what an agent hears and says, and whether the sound reaches the switch.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { tell, onWord } from './net.js';
import { Dialog, Icon } from './parts.js';
import { able, unable, device, choose, microphone, micProblem, connection, hush, figures, blocked, refit } from './phone.js';
import { tone, beep } from './tone.js';
import { Figures } from './widget.js';

// Meter draws how loud a stream is.
function Meter({ stream }) {
  const bar = useRef();
  useEffect(() => {
    if (!stream) return;
    const ctx = new AudioContext(), a = ctx.createAnalyser(), wave = new Float32Array(a.fftSize);
    ctx.createMediaStreamSource(stream).connect(a);
    const timer = setInterval(() => {
      a.getFloatTimeDomainData(wave);
      const db = 20 * Math.log10(Math.sqrt(wave.reduce((x, v) => x + v * v, 0) / wave.length) + 1e-6);
      if (bar.current) bar.current.value = Math.max(0, Math.min(60, db + 60));
    }, 60);
    return () => { clearInterval(timer); ctx.close(); };
  }, [stream]);
  return html`<meter ref=${bar} class="grow" min="0" max="60" low="15" optimum="40" aria-label="How loud the microphone is"></meter>`;
}

function Pick({ label, kind, all, name, onPick }) {
  const list = all.filter(d => d.kind === kind && d.deviceId);
  return html`<label class="stack small">${label}<select value=${localStorage.getItem(name) ?? ''} onChange=${e => { if (e.target.value) localStorage.setItem(name, e.target.value); else localStorage.removeItem(name); onPick?.(); }}>
    <option value="">The system's own</option>${list.map((d, i) => html`<option key=${d.deviceId} value=${d.deviceId}>${d.label || `${label} ${i + 1}`}</option>`)}</select></label>`;
}

export default function SetUp({ onClose }) {
  const [all, list] = useState([]), [mic, hear] = useState(null), [problem, say] = useState(''), [echo, set] = useState(null);
  const now = useRef({});
  const found = () => navigator.mediaDevices?.enumerateDevices().then(list).catch(() => {});
  const listen = async () => {
    now.current.mic?.getTracks().forEach(t => t.stop());
    try { hear(now.current.mic = await microphone()); say(''); found(); } catch (e) { hear(null); say(micProblem(e)); }
  };
  const quiet = () => { clearInterval(now.current.timer); hush(now.current.pc, now.current.stream); now.current.pc = now.current.stream = null; tell({ type: 'echo-end' }); };
  useEffect(() => {
    if (able) listen();
    const off = onWord('echo', m => {
      if (m.error) { quiet(); set({ bad: m.error }); return; }
      now.current.pc?.setRemoteDescription({ type: 'answer', sdp: m.sdp }).catch(e => set({ bad: e.message }));
    });
    return () => { off(); quiet(); tone(false); now.current.mic?.getTracks().forEach(t => t.stop()); };
  }, []);
  const test = async () => {
    quiet();
    const began = performance.now();
    set({ text: 'Connecting…' });
    try {
      now.current.stream = await microphone();
      const pc = now.current.pc = await connection(now.current.stream, () => {
        if (pc.iceConnectionState === 'connected') set({ good: `Connected in ${Math.round(performance.now() - began)} ms. Say something: you hear yourself.` });
      });
      tell({ type: 'echo', sdp: pc.localDescription.sdp });
      now.current.timer = setInterval(async () => {
        if (now.current.pc !== pc) return;
        if (pc.iceConnectionState === 'new' || pc.iceConnectionState === 'checking') { if (performance.now() - began > 5000) set({ bad: blocked(pc) }); return; }
        now.current.stats = await figures(pc, now.current.stats);
        set(s => ({ ...s, stats: now.current.stats }));
      }, 1000);
    } catch (e) { set({ bad: micProblem(e) }); }
  };
  const notes = 'Notification' in window ? Notification.permission : 'unsupported';
  return html`<${Dialog} label="Check my set-up" onClose=${onClose}>
    ${!able && html`<p class="alert warn-tone">${unable}</p>`}
    <div class="row" role="group" aria-label="Where my calls ring"><button aria-pressed=${device.value === 'browser'} disabled=${!able} onClick=${() => choose('browser')}><${Icon} name="mic"/>In this browser</button>
      <button aria-pressed=${device.value === 'phone'} onClick=${() => choose('phone')}><${Icon} name="phone"/>On my desk phone</button></div>
    ${able && html`
      ${problem && html`<p class="alert stop-tone" role="alert">${problem}</p>`}
      <${Pick} label="Microphone" kind="audioinput" name="input" all=${all} onPick=${() => { listen(); refit(true); }}/>
      <div class="row"><span class="small muted">Level</span><${Meter} stream=${mic}/></div>
      <${Pick} label="Headset or speaker" kind="audiooutput" name="output" all=${all} onPick=${() => refit()}/>
      <${Pick} label="Ring on" kind="audiooutput" name="ring" all=${all}/>
      <div class="row"><button onClick=${() => beep('output')}>Play a sound</button><button onClick=${() => { tone(true); setTimeout(() => tone(false), 2200); }}>Ring</button>
        ${notes === 'default' && html`<button onClick=${() => Notification.requestPermission().then(found)}>Allow notifications</button>`}</div>
      <div class="row"><button class="primary" onClick=${test}>Echo test</button>${echo && !echo.bad && html`<button onClick=${() => { quiet(); set(null); }}>Stop</button>`}</div>
      ${echo && html`<p class=${'small ' + (echo.bad ? 'stop-tone alert' : '')} role="status">${echo.bad ?? echo.good ?? echo.text}</p>`}
      ${echo?.stats && html`<${Figures} of=${echo.stats}/>`}`}
    <p class="small muted">${notes === 'granted' ? 'Notifications are allowed.' : notes === 'denied' ? 'Notifications are blocked in the browser.' : ''}</p><//>`;
}
