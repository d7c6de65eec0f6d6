// The phone in this page: one RTCPeerConnection for each call that the agent is in by this browser.
// The server owns the calls; this brings the sound to them and back, answers when told, and comes
// back by itself after a reload or a network that went away.
import { signal, effect } from './lib/ui.js';
import { parts, elsewhere, toast } from './state.js';
import { tell, onWord } from './net.js';

export const able = Boolean(window.isSecureContext && window.RTCPeerConnection && navigator.mediaDevices?.getUserMedia);
export const unable = window.isSecureContext ? 'This browser has no WebRTC.' : 'A browser gives its microphone to https pages, and to localhost, alone.';
export const device = signal(able && localStorage.getItem('device') === 'browser' ? 'browser' : 'phone');
export const lines = signal({});   // by call: { leg, state, problem, stats }
const open = new Map();            // by call: the same, with what is not for drawing

const show = () => { lines.value = Object.fromEntries([...open].map(([id, l]) => [id, { leg: l.leg, state: l.state, problem: l.problem, stats: l.stats }])); };
const words = {
  NotAllowedError: 'The microphone is blocked: allow it for this page, left of the address above, and try again.',
  NotFoundError: 'No microphone was found: plug one in, or let calls ring on your desk phone.',
  NotReadableError: 'The microphone is in use by another program: close that, and try again.',
};
export const micProblem = e => words[e.name] ?? `The microphone: ${e.message}`;

export const microphone = () => {
  const id = localStorage.getItem('input'), audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  return navigator.mediaDevices.getUserMedia({ audio: id ? { ...audio, deviceId: { ideal: id } } : audio });
};

// choose makes this browser the agent's phone, or no longer. The microphone is asked for here, where
// somebody has just clicked, and not while a customer waits.
export async function choose(what) {
  if (what === 'browser') {
    try { (await microphone()).getTracks().forEach(t => t.stop()); } catch (e) { toast(micProblem(e)); return false; }
  }
  localStorage.setItem('device', what);
  device.value = what;
  tell({ type: 'device', phone: what === 'browser' });
  return true;
}

// goOn has a call that its agent is in by a desk phone, or was until it was lost, go on in this page.
export async function goOn(call) {
  if (device.value !== 'browser' && !await choose('browser') || open.has(call)) return;
  answer(call);
  open.get(call).takes = true;
}

// A speaker is an element that the far side sounds from, on the output that was chosen.
export function speaker(stream) {
  const el = document.createElement('audio');
  el.autoplay = true;
  el.srcObject = stream;
  aim(el);
  el.play().catch(() => {});
  return el;
}

// aim has an element sound on the output that was chosen, or on the system's own while that is not there.
function aim(el) {
  el?.setSinkId?.(localStorage.getItem('output') ?? '').catch(() => el.setSinkId('').catch(() => {}));
}

// connection makes an offer with all that is needed to connect: nothing is trickled, and no address
// of ours is waited for, because the switch learns it from our checks.
export async function connection(stream, onState) {
  const pc = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' });
  pc.oniceconnectionstatechange = () => onState(pc);
  pc.ontrack = e => { pc.speaker = speaker(e.streams[0] ?? new MediaStream([e.track])); };
  for (const t of stream.getAudioTracks()) pc.addTrack(t, stream);
  await pc.setLocalDescription(await pc.createOffer());
  return pc;
}

export function hush(pc, stream) {
  if (pc) { pc.oniceconnectionstatechange = pc.ontrack = null; if (pc.speaker) { pc.speaker.srcObject = null; pc.speaker.remove(); } pc.close(); }
  stream?.getTracks().forEach(t => t.stop());
}

// blocked says what keeps the sound away, and what to have opened.
export function blocked(pc) {
  const at = /^a=candidate:\S+ 1 udp \d+ (\S+) (\d+)/mi.exec(pc?.remoteDescription?.sdp ?? '');
  return `No audio path: this browser and the switch cannot reach each other over UDP.${at ? ` Have your network let UDP through to ${at[1]} port ${at[2]}, or use your desk phone.` : ''}`;
}

// legOf is what a part's connection is known by: who watches has one beside the call that the card is of.
export const legOf = p => p.watch?.id ?? p.card.id;

// answer takes what rings here, or goes back to a call that this page is not in yet.
export async function answer(call) {
  if (open.has(call) && open.get(call).state !== 'failed') return;
  const l = { call, state: 'connecting', began: Date.now(), takes: open.get(call)?.takes }; // tried again, it takes the call still
  open.set(call, l);
  show();
  try {
    l.stream = await microphone();
    if (open.get(call) !== l) return hush(null, l.stream);
    watch(l);
    l.pc = await connection(l.stream, pc => changed(l, pc));
    if (open.get(call) !== l) return hush(l.pc, l.stream);
    tell({ type: 'phone', call, sdp: l.pc.localDescription.sdp });
    l.limit = setTimeout(() => { if (l.state === 'connecting') { l.problem = blocked(l.pc); show(); } }, 5000);
  } catch (e) { // it rings on, or is there still: somebody can mend it and try again
    if (open.get(call) !== l) return;
    hush(l.pc, l.stream);
    Object.assign(l, { state: 'failed', problem: micProblem(e), pc: null, stream: null });
    show();
  }
}

// watch notices a microphone that is unplugged, or taken away by the browser.
function watch(l) {
  const t = l.stream.getAudioTracks()[0];
  if (t) t.onended = () => plug(l);
}

// plug gives a call the microphone that is there now; why is said to the agent.
async function plug(l, why = 'The microphone was unplugged') {
  if (!l.pc || open.get(l.call) !== l) return;
  try {
    const next = await microphone(), old = l.stream;
    if (open.get(l.call) !== l) return hush(null, next);
    l.stream = next;
    watch(l);
    await l.pc.getSenders()[0]?.replaceTrack(next.getAudioTracks()[0]);
    hush(null, old);
    l.problem = '';
    if (why) toast(`${why}: you are heard by ${next.getAudioTracks()[0]?.label || 'another one'} now.`);
  } catch (e) { l.problem = `You are not heard. ${micProblem(e)}`; }
  show();
}

// refit has the calls in progress use the devices that are there, or were chosen, now.
export function refit(chosen) {
  for (const l of open.values()) {
    aim(l.pc?.speaker);
    if (chosen === true) plug(l, '');
    else if (l.state === 'failed' && ['talking', 'watching'].includes(parts.value.find(p => legOf(p) === l.call)?.role)) answer(l.call);
    else if (l.stream?.getAudioTracks()[0]?.readyState === 'ended') plug(l);
  }
}

onWord('phone', async m => {
  const l = open.get(m.call);
  if (!l?.pc) return;
  if (m.error) { drop(m.call, 2000); toast(m.error); return; }
  l.leg = m.leg;
  show();
  try { await l.pc.setRemoteDescription({ type: 'answer', sdp: m.sdp }); } catch (e) { drop(m.call, 2000); toast(`The connection: ${e.message}`); }
});

function changed(l, pc) {
  if (open.get(l.call) !== l) return;
  switch (pc.iceConnectionState) {
    case 'connected': case 'completed': l.state = 'up'; l.problem = ''; break;
    case 'disconnected': l.problem = 'The sound is interrupted…'; tell({ type: 'probe' }); break;
    case 'failed': drop(l.call, 500); return; // and again, while the call is there
  }
  show();
}

const resting = new Map(); // by call: not before
function drop(call, rest = 0) {
  const l = open.get(call);
  if (!l) return;
  open.delete(call);
  clearTimeout(l.limit);
  hush(l.pc, l.stream);
  if (rest) { resting.set(call, Date.now() + rest); setTimeout(follow, rest + 50); }
  show();
}

// follow has this page in the calls that are its own, and in no others.
function follow() {
  const mine = new Map((elsewhere.value ? [] : parts.value).filter(p => p.browser || open.get(legOf(p))?.takes).map(p => [legOf(p), p]));
  for (const call of [...open.keys()]) if (!mine.has(call)) drop(call);
  for (const call of [...resting.keys()]) if (!mine.has(call)) resting.delete(call);
  if (device.value !== 'browser') return;
  for (const [call, p] of mine) {
    const l = open.get(call), rings = p.role === 'offered' || p.role === 'called';
    if (l?.leg && p.leg === l.leg) { l.in = true; l.takes = false; }
    if (l?.in && p.leg !== l.leg) drop(call); // the switch has lost it
    if (open.has(call) || !p.browser || (resting.get(call) ?? 0) > Date.now() || rings && !p.answering) continue;
    answer(call);
  }
}
effect(() => { parts.value; elsewhere.value; device.value; queueMicrotask(follow); });

// The figures of each connection, as a person can judge them.
export async function figures(pc, before = {}) {
  const all = await pc.getStats(), s = {};
  for (const r of all.values()) {
    if (r.type === 'inbound-rtp' && r.kind === 'audio') {
      const lost = r.packetsLost - (before.lost ?? 0), got = r.packetsReceived - (before.got ?? 0);
      Object.assign(s, { lost: r.packetsLost, got: r.packetsReceived, loss: lost + got > 0 ? Math.max(0, lost) / (lost + got) : 0, jitter: (r.jitter ?? 0) * 1000, codec: all.get(r.codecId)?.mimeType.replace('audio/', '') });
    }
    if (r.type === 'candidate-pair' && r.nominated && r.currentRoundTripTime !== undefined) s.trip = r.currentRoundTripTime * 1000;
  }
  // ITU-T G.107 with the delay there and back halved, our buffer's, and G.711's robustness to loss.
  const delay = (s.trip ?? 0) / 2 + 2 * (s.jitter ?? 0) + 40, loss = 100 * (s.loss ?? 0);
  const r = 93.2 - 0.024 * delay - (delay > 177.3 ? 0.11 * (delay - 177.3) : 0) - 95 * loss / (loss + 25.1);
  s.mos = r <= 0 ? 1 : Math.min(4.5, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
  return s;
}
setInterval(async () => {
  for (const l of open.values()) if (l.state === 'up') { try { l.stats = await figures(l.pc, l.stats); } catch { /* it has closed */ } }
  if (open.size) show();
}, 2000);

// The page that goes says so, so that the customer hears music at once.
addEventListener('pagehide', () => { for (const call of [...open.keys()]) drop(call); });
// Devices are plugged in and out, and the microphone is allowed: a call goes on with what is there.
navigator.mediaDevices?.addEventListener?.('devicechange', refit);
navigator.permissions?.query({ name: 'microphone' }).then(p => { p.onchange = refit; }, () => {});
