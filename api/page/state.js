// What the page knows. The server owns all of it; nothing here decides anything.
import { signal, computed } from './lib/ui.js';

// own is a signal of what one person sees: whoever signs in after them in the same tab begins anew.
const owned = [];
export const own = initial => { const s = signal(initial); owned.push(() => { s.value = initial; }); return s; };
export const forget = () => owned.forEach(f => f());

export const me = signal(null);               // who is signed in; null: not known yet
export const connection = signal('down');     // up, down
export const elsewhere = signal(false);       // another tab of this agent is in use
export const boot = signal(0);
export const staff = own({ agents: [], teams: [], walls: [] }); // walls: the teams' figures, for supervisors
export const parts = own([]);                 // my calls in progress
export const histories = own({});             // last calls of a customer, by call
export const facts = signal(0);               // the number of the last fact
export const skew = signal(0);                // the switch's clock less ours, ms
export const now = signal(Date.now());
export const route = signal(location.hash.slice(2) || 'calls');
export const toasts = signal([]);
export const dialer = own(null);              // the number being written; null: closed
export const over = own(null);                // how the last offer ended, in words
export const theme = signal(localStorage.getItem('theme') ?? 'system');

setInterval(() => { now.value = Date.now() + skew.value; }, 250);
addEventListener('hashchange', () => { route.value = location.hash.slice(2) || 'calls'; });
export const go = to => { location.hash = '#/' + to; };

const rows = new Map();
export function applyStaff(m) {
  if (m.full) rows.clear();
  for (const [name, row] of Object.entries(m.rows)) row ? rows.set(name, row) : rows.delete(name);
  const agents = [], teams = [], walls = [];
  for (const [name, row] of rows) (name.startsWith('agent ') ? agents : name.startsWith('wall ') ? walls : teams).push(row);
  const byName = (a, b) => a.name.localeCompare(b.name);
  staff.value = { agents: agents.sort(byName), teams: teams.sort(byName), walls: walls.sort(byName) };
}

export const self = computed(() => staff.value.agents.find(a => a.id === me.value?.agent));
export const queues = computed(() => staff.value.teams.filter(t => self.value?.teams.includes(t.id)));
export const offers = computed(() => parts.value.filter(p => p.role === 'offered' || p.role === 'called'));
export const active = computed(() => parts.value.filter(p => p.role !== 'offered' && p.role !== 'called'));
export const supervises = computed(() => me.value?.scope === 'supervisor' || me.value?.scope === 'admin');
export const admin = computed(() => me.value?.scope === 'admin');

let n = 0;
export function toast(text, action) {
  const id = ++n;
  toasts.value = [...toasts.value.slice(-2), { id, text, action }];
  setTimeout(() => { toasts.value = toasts.value.filter(t => t.id !== id); }, 8000);
}
export const untoast = id => { toasts.value = toasts.value.filter(t => t.id !== id); };

export function setTheme(t) {
  theme.value = t;
  localStorage.setItem('theme', t);
  if (t === 'system') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = t;
}
if (theme.value !== 'system') document.documentElement.dataset.theme = theme.value;
