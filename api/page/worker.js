// The Help Desk's socket lives here: a Worker's timers are not slowed down when
// its tab is in the background. It answers the heartbeat by itself, comes back
// by itself, and knows the number of the last fact, so that nothing is missed.
let socket = null, url = '', phone = false, seq = 0, tries = 0, timer = 0, last = 0, over = false, busy = false;

function open() {
  clearTimeout(timer);
  const mine = socket = new WebSocket(url + (phone ? '&phone=1' : '') + (seq ? '&after=' + seq : ''));
  last = Date.now();
  mine.onopen = () => { tries = 0; postMessage({ type: 'open' }); };
  mine.onmessage = e => {
    last = Date.now();
    const m = JSON.parse(e.data);
    switch (m.type) {
      case 'beat': mine.send('{"type":"beat"}'); return;
      case 'hello': if (!seq || m.seq < seq) seq = m.seq; break;
      case 'facts': seq = m.upto; break;
      case 'parts': busy = m.parts.length > 0; break;
      case 'signed-out': over = true; break;
    }
    postMessage(m);
  };
  mine.onclose = () => { if (socket === mine) lost(); };
}

function lost() {
  socket = null;
  if (over) return;
  postMessage({ type: 'lost' });
  tries++;
  timer = setTimeout(open, Math.min(busy ? 1500 : 10000, 250 * 2 ** Math.min(tries, 6)) * (0.5 + Math.random())); // a customer waits for 20 s
}

function dead() {
  const old = socket;
  socket = null;
  try { old.close(); } catch { /* is closed */ }
  lost();
}

// A network that went away says nothing: two silent beats are a loss.
setInterval(() => { if (socket && Date.now() - last > 11000) dead(); }, 2000);

// probe asks whether the network is there, where something says that it may not be, or has changed.
function probe() {
  const mine = socket, asked = Date.now();
  if (mine?.readyState !== 1) { if (!over) { clearTimeout(timer); open(); } return; }
  mine.send('{"type":"look"}');
  setTimeout(() => { if (socket === mine && last < asked) dead(); }, 2000);
}

onmessage = e => {
  const m = e.data;
  if (m.type === 'device') phone = m.phone;
  if (m.type === 'connect') { url = m.url; phone = m.phone; over = false; open(); }
  else if (m.type === 'probe') probe();
  else if (m.type === 'close') { over = true; clearTimeout(timer); socket?.close(); socket = null; }
  else if (socket?.readyState === 1) socket.send(JSON.stringify(m));
};
