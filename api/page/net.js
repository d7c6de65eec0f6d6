// What goes over the wire: the API with the session's cookie, and the socket in its Worker.
import { me, connection, elsewhere, parts, histories, facts, skew, toast, boot, applyStaff, forget } from './state.js';

// A Worker's address must be one that we vouch for (Trusted Types): there is one.
const vouch = self.trustedTypes?.createPolicy('trunkline', { createScriptURL: u => { if (u === '/worker.js') return u; throw new TypeError(u); } });

export class Refused extends Error { constructor(status, text) { super(text); this.status = status; } }

// api asks the switch; whoever wants the answer's headers too gives heads.
export async function api(method, path, body, key, heads) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && path.startsWith('/v1/')) headers['Idempotency-Key'] = key ?? crypto.randomUUID?.() ?? String(Math.random());
  let r;
  try { r = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store' }); }
  catch { throw new Refused(0, 'The switch cannot be reached.'); }
  heads?.(r.headers);
  if (r.status === 204) return null;
  const text = await r.text();
  let v = null;
  try { v = text ? JSON.parse(text) : null; } catch { /* not ours */ }
  if (r.ok) return v;
  if (r.status === 401 && path !== '/desk/session') signedOut();
  throw new Refused(r.status, v?.detail ?? (v?.error ? v.error + (v.cure ? ': ' + v.cure : '') : `The switch answered ${r.status}.`));
}

// order sends an order about a call of mine; what goes wrong is said.
export async function order(call, verb, body = {}) {
  try {
    await api('POST', `/v1/calls/${encodeURIComponent(call)}/${verb}`, me.value.agent ? { as: me.value.agent, ...body } : body);
    tell({ type: 'look' });
    return true;
  } catch (e) { toast(e.message); return false; }
}

export async function attempt(f) { try { return await f(); } catch (e) { toast(e.message); return null; } }

let worker = null;
const listeners = new Set();
export const onFacts = f => { listeners.add(f); return () => listeners.delete(f); };
export const tell = m => worker?.postMessage(m);
const words = new Map();
export const onWord = (type, f) => { words.set(type, f); return () => { if (words.get(type) === f) words.delete(type); }; };

function tabName() {
  let t = sessionStorage.getItem('tab');
  if (!t) sessionStorage.setItem('tab', t = Array.from(crypto.getRandomValues(new Uint8Array(9)), b => b.toString(36)).join(''));
  return t;
}

export function connect() {
  if (worker) return;
  worker = new Worker(vouch ? vouch.createScriptURL('/worker.js') : '/worker.js');
  worker.onmessage = e => take(e.data);
  worker.postMessage({ type: 'connect', phone: localStorage.getItem('device') === 'browser' && Boolean(window.isSecureContext && window.RTCPeerConnection), url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/desk/socket?tab=${encodeURIComponent(tabName())}` });
  addEventListener('online', () => tell({ type: 'probe' }));
}

function take(m) {
  switch (m.type) {
    case 'open': connection.value = 'up'; break;
    case 'lost': connection.value = 'down'; whoami(); break;
    case 'hello': me.value = { ...me.value, ...m.me }; skew.value = Date.parse(m.now) - Date.now(); elsewhere.value = false; connection.value = 'up'; boot.value = m.seq; break;
    case 'elsewhere': elsewhere.value = true; parts.value = []; break;
    case 'staff': applyStaff(m); break;
    case 'parts': {
      parts.value = m.parts;
      // The page itself says that it shows an offer, once it is drawn.
      for (const p of m.parts) if (p.role === 'offered' || p.role === 'called') setTimeout(() => tell({ type: 'shown', offer: p.offer, call: p.card.id }), 0);
      break;
    }
    case 'history': histories.value = { ...histories.value, [m.call]: m.calls }; break;
    case 'facts': facts.value = m.upto; for (const f of listeners) f(m.facts); break;
    case 'phone': case 'echo': words.get(m.type)?.(m); break;
    case 'awake': tell({ type: 'awake' }); break;
    case 'signed-out': signedOut(); break;
  }
}

let asking = false;
async function whoami() { // a session that ended looks like a lost network
  if (asking) return;
  asking = true;
  try { const v = await api('GET', '/desk/session'); if (!v.signed_in) signedOut(v); } catch { /* the network is away */ }
  asking = false;
}

export function signedOut(v) {
  tell({ type: 'close' });
  worker?.terminate(); worker = null;
  forget();
  me.value = { signed_in: false, openid: v?.openid ?? me.value?.openid };
}

// Somebody at the page keeps the session in use.
let used = Date.now();
for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, () => {
  if (Date.now() - used > 60000) { used = Date.now(); tell({ type: 'active' }); }
}, { passive: true });
