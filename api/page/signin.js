import { html, useState } from './lib/ui.js';
import { me, route, go } from './state.js';
import { api } from './net.js';
import { Icon } from './parts.js';

const why = {
  'openid-again': 'That took too long, or came from another browser. Please sign in again.', 'openid-unreachable': 'The provider that signs you in cannot be reached now.', 'openid-refused': 'The provider refused to sign you in.',
  'openid-failed': 'The provider gave an answer that cannot be trusted.', 'openid-unverified': 'The provider does not vouch for your mail address.', 'openid-unknown': 'You are signed in there, but nobody here has your mail address. Ask your administrator.', 'openid-off': 'There is no such sign-in here.',
};

export function SignIn() {
  const [wrong, say] = useState(why[route.value.split('/')[1]] ?? ''), [busy, set] = useState(false);
  const submit = async e => {
    e.preventDefault();
    const f = new FormData(e.target);
    set(true); say('');
    try { const v = await api('POST', '/desk/session', { account: f.get('account'), password: f.get('password') }); if (route.value.startsWith('sign-in')) go('calls'); me.value = v; }
    catch (x) { say(x.message); set(false); }
  };
  return html`<div class="welcome"><main style="padding:0;max-width:24rem"><form class="card" onSubmit=${submit}>
    <div class="brand"><i><${Icon} name="phone"/></i>Help Desk</div><h1>Sign in</h1>
    <div role="alert">${wrong && html`<p class="alert">${wrong}</p>`}</div>
    <label class="field">Name<input name="account" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus/></label>
    <label class="field">Password<input name="password" type="password" autocomplete="current-password" required/></label>
    <button class="primary" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
    ${me.value.openid && html`<a class="button" href="/desk/openid">${me.value.openid}</a>`}
    <p class="small muted">Your phone's password does not work here. Your administrator makes one with <code>trunkline passwd</code>.</p></form></main></div>`;
}
