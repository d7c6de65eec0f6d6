// What happened to my calls, in words: what a button asked for and did not get is said here.
import { me, toast } from './state.js';
import { agentName, teamName, outcome } from './parts.js';

export function watchCalls(list) {
  for (const f of list) {
    if (f.kind === 'call.transfer_failed' && f.by === me.value?.agent) toast(`The transfer came to nothing: ${f.agent ? agentName(f.agent) : f.team ? teamName(f.team) : 'the number'} ${outcome(f.outcome)}. You are still with the customer.`);
    if (f.kind === 'call.transferred' && f.by === me.value?.agent) toast('The call was transferred.');
    if (f.kind === 'media.one_way' && f.agent === me.value?.agent) toast('Your phone is not heard.');
  }
}
