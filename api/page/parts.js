// Small things that every screen uses: icons, words, times, menus, dialogs.
import { html, useEffect, useRef, useState } from './lib/ui.js';
import { now, staff, toasts, untoast } from './state.js';

const paths = {
  phone: 'M22 16.9v3a2 2 0 0 1-2.2 2 19.8 19.8 0 0 1-8.6-3.1 19.5 19.5 0 0 1-6-6A19.8 19.8 0 0 1 2.1 4.2 2 2 0 0 1 4.1 2h3a2 2 0 0 1 2 1.7c.1 1 .4 1.9.7 2.8a2 2 0 0 1-.5 2.1L8.1 9.9a16 16 0 0 0 6 6l1.3-1.3a2 2 0 0 1 2.1-.4c.9.3 1.8.6 2.8.7a2 2 0 0 1 1.7 2z',
  end: 'M3 15.5c-1-4 4-7.5 9-7.5s10 3.5 9 7.5l-4 .5-1.500-3.500c-2-.8-5-.8-7 0L7 16z',
  hold: 'M8 5v14M16 5v14', play: 'M7 4l13 8-13 8z', mute: 'M3 3l18 18M9 9v3a3 3 0 0 0 5 2.200M15 9.300V5a3 3 0 0 0-5.900-.7M17 16.900A7 7 0 0 1 5 12M19 12a7 7 0 0 1-.1 1.200M12 19v3', mic: 'M12 2a3 3 0 0 0-3 3v7a3 3 0 0 0 6 0V5a3 3 0 0 0-3-3zM19 12a7 7 0 0 1-14 0M12 19v3',
  keypad: 'M5 5h.01M12 5h.01M19 5h.01M5 12h.01M12 12h.01M19 12h.01M5 19h.01M12 19h.01M19 19h.01', transfer: 'M15 4h5v5M20 4l-7 7M9 20H4v-5M4 20l7-7', note: 'M4 4h16v12l-5 4H4zM8 9h8M8 13h5', record: 'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10z',
  list: 'M8 6h13M8 12h13M8 18h13M3 6h.01M3 12h.01M3 18h.01', back: 'M15 18l-6-6 6-6', people: 'M16 21v-2a4 4 0 0 0-8 0v2M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M20 21v-2a3 3 0 0 0-2-2.800M4 21v-2a3 3 0 0 1 2-2.800', callback: 'M9 14l-5-5 5-5M4 9h10a6 6 0 0 1 6 6v5', wall: 'M3 4h18v13H3zM8 21h8M12 17v4M7 13v-3M12 13V8M17 13v-2', cog: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2v3M12 19v3M4.900 4.900L7 7M17 17l2.100 2.100M2 12h3M19 12h3M4.900 19.100L7 17M17 7l2.100-2.100',
  mail: 'M3 5h18v14H3zM3 7l9 6 9-6', warn: 'M12 3l10 18H2zM12 10v5M12 18h.01', alarm: 'M8 2h8l6 6v8l-6 6H8l-6-6V8zM12 7v6M12 17h.01',
  down: 'M6 9l6 6 6-6', x: 'M6 6l12 12M18 6L6 18', search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM21 21l-5-5', download: 'M12 3v12M7 11l5 5 5-5M4 21h16', trash: 'M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14', in: 'M19 5L6 18M6 9v9h9', out: 'M5 19L18 6M9 6h9v9', both: 'M4 8h13l-3-3M20 16H7l3 3', user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21a8 8 0 0 1 16 0', check: 'M5 13l4 4L19 7', clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3', min: 'M5 12h14', swap: 'M7 4L3 8l4 4M3 8h14M17 20l4-4-4-4M21 16H7', merge: 'M7 4v5l5 5v6M17 4v5l-5 5',
};
export const Icon = ({ name }) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${paths[name] ?? paths.phone}/></svg>`;

export const initials = name => /\p{L}/u.test(name ?? '') ? name.replace(/[^\p{L}\p{N} ]/gu, '').split(/\s+/).filter(Boolean).slice(0, 2).map(w => [...w][0]).join('').toUpperCase() : '#';
export const Avatar = ({ name }) => html`<span class="avatar" aria-hidden="true">${initials(name)}</span>`;

export function length(s) { // seconds as 1:05 or 1:01:05
  s = Math.max(0, Math.floor(s));
  const two = n => String(n).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}
export const spoken = s => s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s` : `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
export const since = t => t ? (now.value - Date.parse(t)) / 1000 : 0;
export const until = t => t ? (Date.parse(t) - now.value) / 1000 : 0;
export const Since = ({ t }) => html`<span class="num">${length(since(t))}</span>`;
export const clock = t => new Date(t).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
export function day(t) {
  const d = new Date(t), today = new Date();
  const time = d.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  if (d.toDateString() === today.toDateString()) return time;
  today.setDate(today.getDate() - 1);
  return (d.toDateString() === today.toDateString() ? 'Yesterday' : d.toLocaleDateString([], { day: 'numeric', month: 'short' })) + ', ' + time;
}

// A number as people write it; the call card keeps E.164.
export function number(n) {
  if (!n) return 'Number withheld';
  const us = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(n);
  return us ? `+1 ${us[1]} ${us[2]} ${us[3]}` : n;
}
// dialled is the number that somebody typed or pasted, as the switch reads it; '': it is none. Around
// it may be what pages and mails put there: "Tel.: (415) 555-0177", "tel:+49-30-123;ext=5".
export function dialled(text) {
  const t = text.normalize('NFKC').replace(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '').replace(/[\u2010-\u2015\u2212]/g, '-').replace(/\s+/g, ' ').trim()
    .replace(/^(?:tel|telephone|telefon|phone|fon|mobile|call|callto)\b[.: ]*/i, '').replace(/;.*$/, '').trim();
  return /^[+(0-9*#][0-9 ()./*#-]*$/.test(t) && /[0-9*#]/.test(t) && t.length <= 40 ? t : '';
}
export const agentName = id => staff.value.agents.find(a => a.id === id)?.name ?? id;
export const teamName = id => staff.value.teams.find(t => t.id === id)?.name ?? id;
export const customer = c => c.direction === 'outbound' ? c.dialled : c.direction === 'internal' ? c.agent : c.caller;
export const title = c => c.name && c.direction !== 'internal' ? c.name : c.direction === 'internal' ? `${agentName(c.agent)} and ${agentName(c.dialled)}` : number(customer(c));
// What a caller chose in a menu, by its name or its key.
export const chosen = x => x.name || x.digits;
export const whither = d => d?.agent ? agentName(d.agent) : d?.team ? teamName(d.team) : number(d?.number);

const outcomes = {
  accepted: 'answered', declined: 'declined', no_answer: 'did not answer', busy: 'was busy', unreachable: 'could not be reached', misconfigured: "has a phone that does not accept our codecs",
  abandoned: 'rang until the caller left', answered_elsewhere: 'was rung; another phone answered', too_late: 'answered too late', withdrawn: 'was rung, then it was taken back', cancelled: 'was cancelled', rejected: 'refused the call', failed: 'failed', hung_up: 'hung up',
};
export const outcome = o => outcomes[o] ?? (o ? o.replaceAll('_', ' ') : 'rings');

// Menu is a button with a list below it; arrows move, Escape closes.
export function Menu({ label, cls = '', kind = '', left, title, children }) {
  const [open, set] = useState(false), root = useRef();
  useEffect(() => {
    if (!open) return;
    const away = e => { if (!root.current?.contains(e.target)) set(false); };
    addEventListener('pointerdown', away);
    root.current.querySelector('.pop button, .pop a')?.focus();
    return () => removeEventListener('pointerdown', away);
  }, [open]);
  const key = e => {
    if (e.key === 'Escape' && open) { set(false); root.current.querySelector('button').focus(); e.stopPropagation(); }
    if (!open || (e.key !== 'ArrowDown' && e.key !== 'ArrowUp')) return;
    e.preventDefault();
    const all = [...root.current.querySelectorAll('.pop button, .pop a')], i = all.indexOf(document.activeElement);
    all[(i + (e.key === 'ArrowDown' ? 1 : all.length - 1)) % all.length]?.focus();
  };
  return html`<div class=${'menu ' + cls} ref=${root} onKeyDown=${key}>
    <button class=${kind} aria-expanded=${open} aria-label=${kind.includes('icon') ? title : undefined} title=${title} onClick=${() => set(!open)}>${label}</button>
    ${open && html`<div class=${'pop' + (left ? ' left' : '')} onClick=${e => { if (e.target.closest('button, a')) { set(false); } }}>${children}</div>`}</div>`;
}

// useFocus puts the focus where what somebody has just opened begins.
export function useFocus() {
  const ref = useRef();
  useEffect(() => { ref.current?.focus(); }, []);
  return ref;
}

// Dialog is modal and gives the focus back when it closes.
export function Dialog({ label, onClose, children }) {
  const ref = useRef();
  useEffect(() => { const d = ref.current, was = document.activeElement; d.showModal(); return () => { if (d.open) d.close(); was?.focus?.(); }; }, []);
  return html`<dialog ref=${ref} aria-label=${label} onCancel=${e => { e.preventDefault(); onClose(); }} onClick=${e => { if (e.target === ref.current) onClose(); }}>
    <div class="stack"><div class="row"><h2 class="grow">${label}</h2><button class="icon plain" aria-label="Close" onClick=${onClose}><${Icon} name="x"/></button></div>${children}</div></dialog>`;
}

export function Confirm({ label, text, yes, onYes, onClose }) {
  return html`<${Dialog} label=${label} onClose=${onClose}><p>${text}</p><div class="row"><button class="stop end" onClick=${() => { onYes(); onClose(); }}>${yes}</button><button onClick=${onClose}>Keep</button></div><//>`;
}

export const Toasts = () => html`<div class="toasts" role="status">${toasts.value.map(t => html`<div class="toast" key=${t.id}><span>${t.text}</span><button onClick=${() => untoast(t.id)}>Close</button></div>`)}</div>`;
