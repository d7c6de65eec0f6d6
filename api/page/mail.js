// How many new messages wait in my voicemail boxes: the lamp of the page.
import { html, effect, signal } from './lib/ui.js';
import { me, self } from './state.js';
import { api, onFacts } from './net.js';
import { Icon } from './parts.js';

export const unheard = signal(0);

// mine says whether a box is mine: my own, my teams'; of who takes no calls all that they may hear.
export const mine = box => !me.value.agent || box.agent === me.value.agent || Boolean(box.team && self.value?.teams.includes(box.team));

let fresh = [];
const count = () => { unheard.value = fresh.filter(m => mine(m.box)).length; };
async function look() {
  try { fresh = await api('GET', '/v1/voicemail?new=true'); } catch { return; } // the next fact asks again
  count();
}
onFacts(list => { if (list.some(f => f.kind.startsWith('voicemail.'))) look(); });
let of = '';
effect(() => { const who = me.value?.signed_in ? me.value.account : ''; if (who !== of) { of = who; fresh = []; unheard.value = 0; if (who) look(); } });
effect(() => { if (self.value) count(); });

const words = () => `${unheard.value} new ${unheard.value === 1 ? 'message' : 'messages'}`;
export const Lamp = () => unheard.value > 0 && html`<a class="button lamp" href="#/voicemail" aria-label=${words()} title=${words()}><${Icon} name="mail"/><span class="num">${unheard.value}</span></a>`;
