// A team's figures as a tile: on the wallboard, and on a screen that has the figures alone.
import { html } from './lib/ui.js';
import { Icon, length, since } from './parts.js';

// rates says what a figure is against its limits: '', 'warn' or 'alarm'. A limit of 0 is none.
const rates = (v, limits, below) => {
  const past = limit => limit > 0 && (below ? v < limit : v >= limit);
  return !limits ? '' : past(limits.alarm) ? 'alarm' : past(limits.warn) ? 'warn' : '';
};
const words = { alarm: 'Alarm', warn: 'Warning' }, tones = { alarm: 'stop-tone', warn: 'warn-tone', '': '' };
const states = [['available', 'Available'], ['busy', 'Busy'], ['wrap_up', 'Wrap-up'], ['away', 'Away'], ['off_duty', 'Off duty'], ['offline', 'No phone']];
const percent = v => v === undefined ? '–' : `${Math.round(v * 100)}%`;

// judged are a team's figures that have limits, now.
export function judged(t) {
  const wait = t.oldest ? Math.max(0, since(t.oldest)) : 0;
  return {
    wait: { v: wait, is: t.waiting ? rates(wait, t.goals.wait_seconds) : '' },
    waiting: { v: t.waiting, is: rates(t.waiting, t.goals.waiting) },
    level: { v: t.service_level_today, is: t.service_level_today === undefined ? '' : rates(t.service_level_today, t.goals.service_level, true) },
  };
}

// A mark has its place whether it is there or not: nothing moves when it comes.
const Mark = ({ is }) => html`<span class="mark">${is && html`<span class=${'badge ' + tones[is]}><${Icon} name=${is}/>${words[is]}</span>`}</span>`;
const Big = ({ name, is, children }) => html`<div class=${'figure ' + tones[is]}><dt>${name}</dt><dd class="big">${children}</dd><dd><${Mark} is=${is}/></dd></div>`;

// Tiles are as large as so many of them can be on a wall.
export const Tiles = ({ teams, children }) => html`<div class=${'tiles ' + (teams.length <= 3 ? 'few' : teams.length <= 8 ? 'some' : '')}>${children}</div>`;

export function Tile({ team: t, children }) {
  const j = judged(t);
  return html`<section class="card tile" aria-label=${t.name}>
    <div class="row"><h2 class="grow cut">${t.name}</h2>${t.closed && html`<span class="badge warn-tone"><${Icon} name="x"/>Closed</span>`}</div>
    <dl class="three"><${Big} name="Waiting" is=${j.waiting.is}>${t.waiting}<//><${Big} name="Longest wait" is=${j.wait.is}>${t.waiting ? length(j.wait.v) : '–'}<//>
      <${Big} name=${`Within ${length(t.goals.within_seconds)}`} is=${j.level.is}>${percent(j.level.v)}<//></dl>
    <dl class="figures" aria-label="Agents">${states.map(([id, name]) => html`<div key=${id}><dt>${name}</dt><dd>${t.agents_by_state[id] ?? 0}</dd></div>`)}</dl>
    <dl class="figures" aria-label="Today"><div><dt>Answered</dt><dd>${t.answered_today}</dd></div><div><dt>Abandoned</dt><dd>${t.abandoned_today}</dd></div><div><dt>Led on</dt><dd>${t.left_today}</dd></div></dl>
    ${children}</section>`;
}
