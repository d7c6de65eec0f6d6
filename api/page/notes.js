// Notes and tags of a call. They are kept on its card.
import { html, useEffect, useState } from './lib/ui.js';
import { api, attempt } from './net.js';
import { Icon } from './parts.js';

export function Notes({ call, card, onChange }) {
  return html`<p class="small muted">Notes are not available yet.</p>`;
}
