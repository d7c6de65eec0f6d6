// A screen on a wall: the teams' figures by an address that has a token of the scope wall, and nothing else.
// The token is behind the #, which no browser sends and no log has.
import { html, render, useEffect, useState } from './lib/ui.js';
import { skew } from './state.js';
import { clock } from './parts.js';
import { Tile, Tiles } from './tiles.js';

const every = 1000, patience = 5000, rest = 30000;

function Screen() {
  const [wall, show] = useState(null), [wrong, say] = useState('');
  useEffect(() => {
    let over = false, timer = 0, last = null;
    const token = location.hash.slice(1);
    const look = async () => {
      let next = every;
      try {
        const r = await fetch('/v1/wall', { headers: { Authorization: 'Bearer ' + token }, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(patience) });
        if (r.ok) { last = await r.json(); skew.value = Date.parse(last.at) - Date.now(); show(last); say(''); }
        else if (r.status === 401) { show(null); last = null; say('This address was withdrawn, or is not whole. An administrator makes another one at the wallboard.'); next = rest; }
        else throw new Error(String(r.status));
      } catch { say(last ? `The switch does not answer. These are the figures of ${clock(last.at)}.` : 'The switch does not answer.'); }
      if (!over) timer = setTimeout(look, next);
    };
    look();
    return () => { over = true; clearTimeout(timer); };
  }, []);
  return html`<div class="wall"><main class=${wrong && wall ? 'stale' : ''}><h1 class="sr">Wallboard</h1>
    <p class="said-wrong" role="status">${wrong && html`<span class="alert">${wrong}</span>`}</p>
    <${Tiles} teams=${wall?.teams ?? []}>${wall?.teams.map(t => html`<${Tile} key=${t.id} team=${t}/>`)}<//></main></div>`;
}

// Another address typed into this tab differs behind the # alone, for which a browser loads nothing.
addEventListener('hashchange', () => location.reload());
render(html`<${Screen}/>`, document.getElementById('app'));
