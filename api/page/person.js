// Who a customer is: what is known of a contact, beside an offer and in a call.
import { html, useEffect } from './lib/ui.js';
import { own } from './state.js';
import { api } from './net.js';
import { agentName, day } from './parts.js';

const known = own({}); // contacts by id, as they were last read

// usePerson is a contact, read anew when its name on the call changes: a CRM may answer after the offer is drawn.
export function usePerson(id, name) {
  useEffect(() => { if (id) api('GET', '/v1/contacts/' + encodeURIComponent(id)).then(p => { known.value = { ...known.value, [id]: p }; }, () => {}); }, [id, name]);
  return known.value[id];
}

// Known is a contact in a few lines: all of it, or what fits above the buttons.
export function Known({ card, all }) {
  const p = usePerson(card.contact, card.name);
  if (!p || p.anonymous) return null;
  const more = Object.entries(p.attributes ?? {}), note = p.notes?.at(-1);
  return html`<div class="stack" data-person><p class="row small"><span class="badge">${p.kind}</span>${p.tags.map(t => html`<span class="badge accent-tone" key=${t}>${t}</span>`)}${p.external_id ? html`<span class="muted num">${p.external_id}</span>` : ''}</p>
    ${more.length > 0 && html`<dl class="facts">${more.slice(0, all ? 20 : 2).map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl>`}
    ${all && note && html`<p class="small" style="white-space:pre-wrap;overflow-wrap:anywhere"><span class="muted">${agentName(note.by)} · ${day(note.at)}</span><br/>${note.text}</p>`}</div>`;
}
