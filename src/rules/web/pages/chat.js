'use strict';
// The chat page of `threadchat hub --web`. What it and the hub say to each other is in docs/web.md.

const MAX_LINE = 60; // KiB; the hub divides what has more than 64 with stamp and name
const MAX_SHOWN = 2000; // lines on the page
const PATIENCE = 10_000; // ms without a word, until the page asks whether the hub is still there; as long for the answer
const COMMANDS = {
  '/who': 'list who is in this room',
  '/me': 'describe what you are doing',
  '/msg': 'NAME TEXT: write to one person',
  '/reply': 'answer the last private message',
  '/name': 'change your name',
  '/nick': 'the same',
  '/join': 'go to another room',
  '/part': 'go back to the lobby',
  '/rooms': 'list the rooms',
  '/ignore': 'hide what somebody says, or no longer',
  '/help': 'list the commands',
  '/quit': 'leave',
};
// After these the page does not come back by itself.
const ENDS = {
  1000: 'You have left the chat.',
  4000: 'The operator sent you away.',
  4001: 'This link is not valid (any more). Ask for the new one.',
  4003: 'You are in the chat with another page now.',
};
const AWAY = 'No connection. Trying again… What you write stays here.';

const $ = id => document.getElementById(id);
const root = document.documentElement.classList;
const scroller = $('scroller'), log = $('log'), box = $('box'), choices = $('choices');

// Makes an element. What others wrote gets in as text only, so no markup in it comes alive.
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

const aria = (element, property, value) => element.setAttribute(`aria-${property}`, value);
const bytes = text => new TextEncoder().encode(text);

// ---- What survives a reload ----

// Where a browser forbids this, the page forgets.
function load(storage, key) {
  try { return window[storage].getItem(key) || ''; } catch { return ''; }
}
function store(storage, key, value) {
  try { window[storage].setItem(key, value); } catch { /* as above */ }
}

const saved = JSON.parse(load('sessionStorage', 'state') || '{}');
let ticket = location.hash.slice(1) || saved.ticket || '';
// `wanted`: whether to be in the chat, and to come back by itself.
let { wanted = false, name = load('localStorage', 'name'), room = '', epoch = '', token = '' } = saved;
const last = new Map(saved.last); // the number of the last line seen in each room
const ids = new Set(saved.ids); // the ids that this page has had in this epoch
let pending = saved.pending || []; // lines that the hub has not executed, as far as we know

function save(leaves) {
  const state = { ticket, wanted, name, room, epoch, last: [...last], ids: [...ids], pending };
  // A copy of this tab must not take its place, so the token is only kept while nobody looks, and for a reload.
  if (document.hidden || leaves) state.token = token;
  flush();
  state.items = [...log.children].map(line => line.item).filter(item => item?.text.length < 5000).slice(-200);
  store('sessionStorage', 'state', JSON.stringify(state));
}

// ---- The connection ----

let socket = null; // there is never more than one
let joined = false;
let executed = 0; // how many of the lines sent over this connection
let doubtful = 0; // how many pending lines were sent over an earlier one; the first history tells which have arrived
let id = '', next = 0; // ours, and the number of the next line in the room
let heard = 0, deadline = Infinity, tries = 0, timer = 0;

function connect() {
  clearTimeout(timer);
  if (socket || !wanted) return;
  status(tries || epoch ? AWAY : 'Connecting…');
  [joined, executed, doubtful, deadline] = [false, 0, pending.length, Date.now() + PATIENCE];
  socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
  socket.onopen = () => {
    const lines = ['threadchat 1', `ticket ${ticket}`];
    if (name) lines.push(`name ${name}`);
    if (room) lines.push(`room ${room}`);
    if (last.has(room)) lines.push(`after ${epoch} ${last.get(room)}`);
    if (token) lines.push(`again ${token}`);
    socket.send(lines.join('\n'));
  };
  socket.onmessage = ({ data }) => {
    heard = Date.now();
    if (joined) deadline = Infinity;
    const [kind, text] = cut(data, 1);
    hears[kind]?.(text);
  };
  socket.onclose = event => disconnect(event.code);
}

// The connection has ended, or there is no use in it any more.
function disconnect(code) {
  if (!socket) return;
  // It may take long to close. Nothing that still comes from it counts.
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
  [socket, joined, deadline] = [null, false, Infinity];
  if (code === 4002) return location.reload();
  const why = /^100[23789]$/.test(code) ? `The hub has ended the connection (${code}).` : ENDS[code];
  if (why) return stayAway(why, code === 4001);
  status(AWAY);
  timer = setTimeout(connect, Math.min(10_000, 500 * 2 ** tries++) * (.75 + Math.random() / 2));
}

function stayAway(why, asksForTicket) {
  [wanted, token] = [false, ''];
  giveBack(pending.splice(0));
  showDoor(why, asksForTicket);
  save();
}

function ask(question) {
  if (joined) socket.send(bytes(question));
}

function askAlive(patience) {
  ask('alive');
  deadline = Math.min(deadline, Date.now() + patience);
}

setInterval(() => {
  const now = Date.now();
  if (now > deadline) disconnect(1006);
  else if (joined && deadline === Infinity && now - heard > PATIENCE) askAlive(PATIENCE);
  if (!document.hidden && now - asked > 20_000) askLists();
}, 1000);

// Somebody looks at the page again, or the network has changed: find out at once.
function wake() {
  if (joined) askAlive(PATIENCE / 3);
  else connect();
}
for (const event of ['online', 'offline', 'pageshow']) addEventListener(event, wake);
addEventListener('pagehide', save);
document.onvisibilitychange = () => {
  save();
  if (document.hidden) return;
  wake();
  read();
};

// ---- What the hub says ----

// Takes words off the front of a message. Returns them, and the rest.
function cut(text, count) {
  const words = text.split(' ', count);
  return [...words, text.slice(words.join(' ').length + 1)];
}

const linesOf = text => text.split('\n').slice(0, -1);
const showAll = text => linesOf(text).forEach(line => show(line));

const hears = {
  you(text) {
    const before = { room, epoch };
    [id, name, room, epoch, next, token] = cut(text, 6);
    if (epoch !== before.epoch) {
      if (before.epoch) add({ kind: 'mark warn', text: 'The hub was restarted.' });
      last.clear();
      ids.clear();
    } else if (room !== before.room) {
      add({ kind: 'mark', text: `You are in ${room} now.` });
    }
    ids.add(id);
    [joined, deadline, tries] = [true, Infinity, 0];
    // A name that the hub made up is not worth remembering.
    store('localStorage', 'name', /^user\d+$/.test(name) ? '' : name);
    status('');
    $('room').textContent = room;
    $('me').textContent = name;
    read();
    askLists();
    save();
  },

  past(text) {
    const [missed, rest] = cut(text, 1);
    if (+missed) add({ kind: 'mark warn', text: `${missed} lines that were said meanwhile are not kept any more.` });
    const mine = [];
    for (const entry of linesOf(rest)) {
      const [number, author, line] = cut(entry, 2);
      if (+number <= last.get(room)) continue;
      const item = show(line, author);
      if (item.mine) mine.push(item.text);
    }
    last.set(room, next - 1);
    giveBack(unsaid(mine));
    doubtful = 0;
  },

  said(text) {
    const [number, author, rest] = cut(text, 2);
    linesOf(rest).forEach((line, index) => {
      if (+number + index <= last.get(room)) return;
      last.set(room, +number + index);
      show(line, author);
    });
  },

  told: showAll,
  hub: showAll,

  news(text) {
    showAll(text);
    askLists();
  },

  done(text) {
    pending.splice(0, text - executed);
    executed = +text;
    showPending();
  },

  who(text) {
    const [count, rest] = cut(text, 1);
    people = linesOf(rest);
    $('count').textContent = $('here').textContent = count;
    const entries = people.map(person => person === name
      ? make('span', '', make('bdi', '', person), make('small', '', 'you'))
      : button(person, () => begin(`/msg ${person} `)));
    if (count > people.length) entries.push(make('small', '', `and ${count - people.length} more`));
    fill('people', entries);
  },

  rooms(text) {
    const [count, rest] = cut(text, 1);
    const list = linesOf(rest).map(line => cut(line, 1));
    rooms = list.map(([other]) => other);
    $('room-count').textContent = count;
    fill('rooms', list.map(([other, here]) => {
      const entry = button(other, () => other !== room && order(`/join ${other}`), make('small', '', here));
      aria(entry, 'current', other === room);
      return entry;
    }));
  },
};

// ---- Lines that may not have arrived ----

// What is still to be said after a reconnection, if the history of the room shows these lines as said. The hub executes lines in
// order, so it has executed those before, too.
function unsaid(mine) {
  const sent = pending.splice(0, doubtful);
  let done = 0, rest = ''; // the rest of a line that the hub has divided
  for (const text of mine) {
    if (rest && rest.startsWith(text)) {
      rest = rest.slice(text.length);
      continue;
    }
    const found = sent.findIndex((line, index) => index >= done && spoken(line));
    if (found < 0) break;
    rest = spoken(sent[found]).slice(text.length);
    done = found + 1;
  }
  return sent.slice(done);
}

// What the room hears of a line; nothing, if it is a command.
function spoken(line) {
  if (line.startsWith('/me ')) return line.slice(4).trimStart();
  return line.startsWith('/') && !line.startsWith('//') ? '' : line.replace(/^\/\//, '/');
}

function giveBack(lines) {
  showPending();
  if (!lines.length) return;
  write([...lines, box.value].filter(line => line).join('\n'));
  status('The connection was lost before this arrived. It is in the box again.');
}

function showPending() {
  const text = pending.join('\n');
  $('pending').replaceChildren(...text ? [make('p', 'line', make('bdi', 'text', text))] : []);
  stick();
}

// ---- The log ----

let queue = saved.items || []; // what is shown with the next frame
let frame = 0;
let follows = true; // the reader is at the bottom, where what is new appears
let unread = 0;
let before = {}; // the last item that is shown

// Shows `[Mon Nov  9 06:18:34 2026] <bob> hello`. Only what is said to the room has an author.
function show(line, author) {
  const rest = line.slice(27);
  const item = { day: line.slice(1, 11) + line.slice(20, 25), time: line.slice(12, 17), mine: ids.has(author) };
  const said = author && /^(\* )?<(\S+)> (.*)$/.exec(rest), told = /^\[(\S+) -> (\S+)\] (.*)$/.exec(rest);
  if (said) return add({ ...item, kind: said[1] ? 'emote' : 'said', from: said[2], text: said[3] });
  if (told) return add({ ...item, kind: 'told', from: told[1], to: told[2], text: told[3], mine: told[1] === 'you' });
  return add({ ...item, kind: rest.startsWith('* hub: ') ? 'hub' : 'news', text: rest.replace(/^\* (hub: )?/, '') });
}

function add(item) {
  queue.push(item);
  // While nobody looks there are no frames.
  if (queue.length > 2 * MAX_SHOWN) queue = queue.slice(-MAX_SHOWN);
  if (item.from && !item.mine && (document.hidden || !follows)) unread++;
  frame ||= requestAnimationFrame(flush);
  return item;
}

function flush() {
  frame = 0;
  log.append(...queue.splice(0).flatMap(render));
  const height = scroller.scrollHeight;
  while (log.childElementCount > MAX_SHOWN) log.firstChild.remove();
  // What the reader looks at stays where it is.
  if (!follows) scroller.scrollTop -= height - scroller.scrollHeight;
  stick();
  showUnread();
}

function render(item) {
  const { kind, day, time, from, to, mine, text } = item;
  const { day: dayBefore = '' } = before;
  const isSame = kind !== 'news' && kind !== 'emote' && ['kind', 'day', 'time', 'from', 'to', 'mine'].every(key => before[key] === item[key]);
  before = { day: dayBefore, ...item };
  const body = make('bdi', 'text', text);
  if (!day) return [Object.assign(make('p', kind, body), { item })];
  const head = make('span', 'head');
  if (from) head.append(make('b', '', make('bdi', '', from)), ' ');
  if (to) head.append('to ', make('b', '', make('bdi', '', to)), ' alone ');
  const line = Object.assign(make('p', `line ${kind}`, head, body), { item });
  (kind === 'emote' ? line : head).append(' ', make('time', '', time), ' ');
  if (mine) line.classList.add('mine');
  else if (from && name && emphasize(body, text)) line.classList.add('named');
  if (isSame) line.classList.add('more');
  // More than a screen. Keys scroll what has the focus.
  if (text.length > 3000) [body.className, body.tabIndex] = ['text long', 0];
  return day === dayBefore ? [line] : [make('p', 'mark', make('bdi', 'text', day)), line];
}

// Marks the reader's name in a text, where it is a word of its own. Some scripts write words without spaces.
function emphasize(element, text) {
  const isInside = /[\p{L}\p{M}\p{N}_-]{2}/u, isUnspaced = /\p{sc=Thai}|\p{sc=Lao}|\p{sc=Mymr}|\p{sc=Khmr}|\p{sc=Han}|\p{sc=Hira}|\p{sc=Kana}/u;
  const isEdge = at => {
    const pair = text.slice(Math.max(0, at - 1), at + 1);
    return !isInside.test(pair) || isUnspaced.test(pair);
  };
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(new RegExp(name, 'giu'))) {
    if (!isEdge(index) || !isEdge(index + found.length)) continue;
    parts.push(text.slice(end, index), make('mark', '', found));
    end = index + found.length;
  }
  if (end) element.replaceChildren(...parts, text.slice(end));
  return end;
}

function stick() {
  if (follows) scroller.scrollTop = scroller.scrollHeight;
}

scroller.onscroll = () => {
  if (shape !== shapeNow()) return; // it has not been scrolled by anybody
  follows = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  read();
};
let shape = '';
const shapeNow = () => `${scroller.clientWidth} ${scroller.clientHeight}`;
// When a phone is turned, for instance, or its keyboard appears.
new ResizeObserver(() => {
  shape = shapeNow();
  stick();
}).observe(scroller);
onresize = changed;

function goDown() {
  openMenu(false);
  follows = true;
  stick();
  read();
  box.focus();
}
$('below').onclick = goDown;

// Who looks at the bottom has read everything.
function read() {
  if (follows && !document.hidden) unread = 0;
  showUnread();
}

function showUnread() {
  document.title = `${unread ? `(${unread}) ` : ''}${room ? `${room} – ` : ''}threadchat`;
  $('below').hidden = follows || !unread;
  $('below').textContent = `${unread} new message${unread === 1 ? '' : 's'} ↓`;
}

// The same once more would be read out once more.
const status = text => $('status').textContent === text || $('status').replaceChildren(text);

// ---- The box ----

function say() {
  offer([]);
  const lines = box.value.split('\n').filter(line => line.trim());
  if (!lines.length) return;
  if (!joined) return status(AWAY);
  const longest = Math.max(...lines.map(line => bytes(line).length)) / 1024;
  if (longest > MAX_LINE) return status(`A line has ${Math.ceil(longest)} KiB, and at most ${MAX_LINE} can be sent. It stays here.`);
  status('');
  write('');
  order(...lines);
}

function order(...lines) {
  if (!joined) return false;
  lines.forEach(line => socket.send(line));
  pending.push(...lines);
  showPending();
  goDown();
  return true;
}

// Puts a text into the box.
function write(text, cursor = text.length) {
  box.value = text;
  box.setSelectionRange(cursor, cursor);
  changed();
}

function changed() {
  store('sessionStorage', 'draft', box.value);
  box.style.height = 'auto';
  box.style.height = `${box.scrollHeight + 2}px`;
}

box.oninput = () => {
  changed();
  if (joined) status('');
  offer(completions(false));
};

box.onkeydown = event => {
  const { key, shiftKey } = event;
  // While letters are composed, Enter and Tab belong to that.
  if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
  if (key === 'Enter' && !shiftKey) {
    if (hasChosen) complete(chosen);
    else say();
  } else if (key === 'Tab' && !shiftKey && (offered.length || offer(completions(true)))) {
    complete(chosen);
  } else if (offered.length && (key === 'ArrowDown' || key === 'ArrowUp')) {
    choose(chosen + (key === 'ArrowDown' ? 1 : -1), true);
  } else if (offered.length && key === 'Escape') {
    offer([]);
  } else {
    return;
  }
  event.preventDefault();
};

$('say').onsubmit = event => {
  event.preventDefault();
  say();
  box.focus();
};

// ---- Completion ----

let people = [], rooms = []; // as the hub listed them
let offered = [], chosen = 0, hasChosen = false;

const beforeCursor = () => box.value.slice(0, box.selectionStart);

// What can stand in place of the word before the cursor. Where it is a name in a text, somebody has to ask.
function completions(isAsked) {
  const line = /.*$/.exec(beforeCursor())[0], word = /\S*$/.exec(line)[0];
  const command = /^\/(\w+) +\S*$/.exec(line)?.[1];
  const isFirst = word === line;
  let options = people.filter(person => person !== name);
  if (isFirst && word[0] === '/') options = Object.keys(COMMANDS);
  else if (command === 'join') options = rooms;
  else if (!/^(msg|ignore)$/.test(command) && !(isAsked && word)) return [];
  return options.filter(option => option.toLowerCase().startsWith(word.toLowerCase()))
    .map(option => ({ word, option, end: isFirst && word[0] !== '/' ? ': ' : ' ' }));
}

function offer(options) {
  offered = options;
  choices.hidden = !options.length;
  choices.replaceChildren(...options.map(({ option }, index) => {
    const entry = make('li', '', make('bdi', '', option), make('small', '', COMMANDS[option] || ''));
    entry.id = `choice${index}`;
    entry.setAttribute('role', 'option');
    return entry;
  }));
  choose(0, false);
  return options.length;
}

function choose(index, isChosen) {
  const count = offered.length;
  [chosen, hasChosen] = [count && (index + count) % count, isChosen];
  [...choices.children].forEach((entry, at) => aria(entry, 'selected', at === chosen));
  choices.children[chosen]?.scrollIntoView({ block: 'nearest' });
  aria(box, 'activedescendant', count ? `choice${chosen}` : '');
}

function complete(index) {
  const { word, option, end } = offered[index];
  const text = beforeCursor().slice(0, -word.length || undefined) + option + end;
  write(text + box.value.slice(box.selectionStart), text.length);
  offer(completions(false));
}

// Not `click`: the box would lose the focus, and a phone its keyboard.
choices.onpointerdown = event => {
  event.preventDefault();
  const index = [...choices.children].indexOf(event.target.closest('li'));
  if (index >= 0) complete(index);
};

// ---- People and rooms ----

let asked = 0, asking = 0;

// The hub answers once a second.
function askLists() {
  asking ||= setTimeout(() => {
    [asking, asked] = [0, Date.now()];
    ask('who');
    ask('rooms');
  }, Math.max(0, asked + 1500 - Date.now()));
}

function button(value, onclick, ...more) {
  return Object.assign(make('button', '', make('bdi', '', value), ...more), { value, onclick });
}

// The focus stays where it is.
function fill(list, entries) {
  const focused = $(list).contains(document.activeElement) && document.activeElement.value;
  $(list).replaceChildren(...entries.map(entry => make('li', '', entry)));
  if (focused) entries.find(entry => entry.value === focused)?.focus();
}

function openMenu(isOpen) {
  root.toggle('menu', isOpen);
  aria($('menu'), 'expanded', isOpen);
  if (isOpen) $('side').querySelector('button').focus();
}

$('menu').onclick = () => openMenu(!root.contains('menu'));
scroller.onpointerdown = () => openMenu(false);
$('side').onkeydown = event => {
  if (event.key !== 'Escape') return;
  openMenu(false);
  $('menu').focus();
};

// Puts a command in front of what is in the box.
function begin(command) {
  openMenu(false);
  write(command + box.value.replace(/^\/(msg \S+|join|name) */, ''));
  box.focus();
}

$('new-room').onclick = () => begin('/join ');
$('rename').onclick = () => begin('/name ');
$('leave').onclick = () => order('88') || stayAway(ENDS[1000]);

// ---- The door, and the rest ----

function showDoor(why, asksForTicket) {
  clearTimeout(timer);
  [$('door').hidden, $('chat').hidden] = [false, true];
  $('why').textContent = why;
  $('asks').hidden = !asksForTicket;
  $('name').value = /^user\d+$/.test(name) ? '' : name;
  $(asksForTicket ? 'ticket' : 'name').focus();
}

function enter() {
  wanted = true;
  [$('door').hidden, $('chat').hidden] = [true, false];
  connect();
  changed();
  goDown();
}

$('join').onsubmit = event => {
  event.preventDefault();
  // The whole link will do, too.
  ticket = $('ticket').value.trim().replace(/^.*#/, '') || ticket;
  name = $('name').value.trim();
  if (ticket) enter();
  else showDoor('Without the code nobody gets in.', true);
};

// Somebody opens another link in this tab.
onhashchange = () => {
  ticket = location.hash.slice(1) || ticket;
  if (!wanted) showDoor('', !ticket);
};

function enlarge(isLarge) {
  root.toggle('large', isLarge);
  aria($('size'), 'pressed', isLarge);
  store('localStorage', 'large', isLarge ? 'yes' : '');
  changed();
  stick();
}
$('size').onclick = () => enlarge(!root.contains('large'));

// Some phones lay their keyboard over the page, and say so only here.
visualViewport.onresize = () => {
  const { scale, height } = visualViewport;
  document.body.style.setProperty('--height', scale === 1 && height < innerHeight ? `${height}px` : '');
  scrollTo(0, 0);
};

root.toggle('encrypted', location.protocol === 'https:');
write(load('sessionStorage', 'draft'));
enlarge(!!load('localStorage', 'large'));
flush();
showPending();
if (wanted) enter();
else showDoor(ticket ? '' : 'Ask for the link to this chat, or its code.', !ticket);
