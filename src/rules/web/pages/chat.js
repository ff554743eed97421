'use strict';
// The chat page of `threadchat hub --web`. What it and the hub say to each other is in docs/web.md.

const MAX_LINE = 60 * 1024;     // bytes; the hub would divide a line of more than 64 KiB, with stamp and name
const MAX_SHOWN = 2000;         // lines on the page
const MAX_SAVED = 300;          // lines that survive a reload
const SILENCE = 10_000;         // ms without a word, after which the page asks whether the hub is still there
const PATIENCE = 10_000;        // ms for the answer
const JOINING = 15_000;         // ms from connecting until the hub says who we are
const LISTS = 20_000;           // ms until the lists of people and rooms are asked for again
const COMMANDS = [
  ['/who', 'list who is in this room'],
  ['/me', 'describe what you are doing'],
  ['/msg', 'NAME TEXT: send a private message'],
  ['/reply', 'answer the last private message'],
  ['/name', 'change your name'],
  ['/nick', 'change your name'],
  ['/join', 'go to another room, or make one'],
  ['/part', 'go back to the lobby'],
  ['/rooms', 'list the rooms'],
  ['/ignore', 'stop receiving what somebody says, or receive it again'],
  ['/help', 'list the commands'],
  ['/quit', 'leave'],
];
// After these the page does not come back by itself.
const ENDS = {
  1000: 'You have left the chat.',
  4000: 'The operator sent you away.',
  4001: 'This link is not valid (any more). Ask for the new one.',
};

const $ = id => document.getElementById(id);
const door = $('door'), chat = $('chat'), scroller = $('scroller'), log = $('log'), box = $('box'), choices = $('choices');
const bytes = text => new TextEncoder().encode(text);

// Makes an element. What others wrote gets in as text only, so no markup in it comes alive.
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// ---- What survives a reload ----

// A browser may forbid to store anything. Then the page forgets.
function load(storage, key) {
  try { return window[storage].getItem('threadchat-' + key); } catch { return null; }
}
function store(storage, key, value) {
  try { window[storage].setItem('threadchat-' + key, value); } catch { /* see above */ }
}

const saved = JSON.parse(load('sessionStorage', 'state') || '{}');
let ticket = location.hash.slice(1) || saved.ticket || '';
let wanted = saved.wanted || false;         // whether to be in the chat, and to come back by itself
let id = '';
let { name = load('localStorage', 'name') || '', room = '', epoch = '', token = '' } = saved;
const last = new Map(saved.last);           // the number of the last line seen in each room
const ids = new Set(saved.ids);             // the ids that this page has had in this epoch
let pending = saved.pending || [];          // lines that the hub has not executed, as far as we know
let items = saved.items || [];              // what the log shows

// The token is only kept while the page is hidden, as it is before a reload: a tab that is copied must not replace its original.
function save() {
  const { hidden } = document;
  const shown = items.slice(-MAX_SAVED);
  let size = 0, from = shown.length;
  while (from > 0 && (size += shown[from - 1].text.length) < 500_000) from--;
  const state = { ticket, wanted, name, room, epoch, token: hidden ? token : '', last: [...last], ids: [...ids], pending };
  store('sessionStorage', 'state', JSON.stringify({ ...state, items: shown.slice(from) }));
}

// ---- The connection ----

let socket = null;      // there is never more than one
let joined = false;
let executed = 0;       // how many of the lines sent over this connection
let isNew = false;      // the history that comes next is the first one over this connection
let next = 0;           // the number of the next line in the room
let heard = 0;          // when the hub was last heard
let deadline = Infinity;
let tries = 0;
let timer = 0;

function connect() {
  clearTimeout(timer);
  if (socket || !wanted) return;
  status(tries || epoch ? 'No connection. Trying again… What you write stays here.' : 'Connecting…');
  [joined, executed, isNew, heard, deadline] = [false, 0, true, Date.now(), Date.now() + JOINING];
  socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
  socket.onopen = () => socket.send(introduction());
  socket.onmessage = event => {
    [heard, deadline] = [Date.now(), joined ? Infinity : deadline];
    receive(event.data);
  };
  socket.onclose = event => disconnect(event.code);
}

function introduction() {
  const lines = ['threadchat 1', 'ticket ' + ticket];
  if (name) lines.push('name ' + name);
  if (room) lines.push('room ' + room);
  if (last.has(room)) lines.push(`after ${epoch} ${last.get(room)}`);
  if (token) lines.push('again ' + token);
  return lines.join('\n');
}

// The connection has ended, or there is no use in it any more.
function disconnect(code) {
  if (!socket) return;
  // It may take long to close. Nothing that still comes from it counts.
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
  [socket, joined, deadline] = [null, false, Infinity];
  if (code === 4002 && !(Date.now() - load('sessionStorage', 'reloaded') < 60_000)) {
    store('sessionStorage', 'reloaded', Date.now());
    return location.reload();
  }
  const isBroken = [1002, 1003, 1007, 1008, 1009].includes(code);
  const why = isBroken ? `The hub ended the connection, because what was sent breaks its rules (${code}).` : ENDS[code];
  if (why) return stayAway(why, code === 4001);
  status('No connection. Trying again… What you write stays here.');
  const delay = Math.min(10_000, 500 * 2 ** tries++);
  timer = setTimeout(connect, delay * (.75 + Math.random() / 2));
}

function stayAway(why, asksForTicket) {
  [wanted, token] = [false, ''];
  giveBack(pending.splice(0));
  showDoor(why, asksForTicket);
  save();
}

function ask(what) {
  if (joined) socket.send(bytes(what));
}

function askAlive(patience) {
  ask('alive');
  deadline = Math.min(deadline, Date.now() + patience);
}

setInterval(() => {
  const now = Date.now();
  if (now > deadline) disconnect(1006);
  else if (joined && deadline === Infinity && now - heard > SILENCE) askAlive(PATIENCE);
  if (!document.hidden && now - asked > LISTS) askLists();
}, 1000);

// Somebody looks at the page again, or there is a network again: find out at once.
function wake() {
  if (joined) askAlive(PATIENCE / 3);
  else connect();
}
addEventListener('online', wake);
addEventListener('offline', wake);
addEventListener('pageshow', wake);
addEventListener('pagehide', save);
document.addEventListener('visibilitychange', () => {
  save();
  if (!document.hidden) {
    wake();
    read();
  }
});

// ---- What the hub says ----

// Takes words off the front of a message. Returns them, and the rest.
function cut(text, count) {
  const words = [];
  while (words.length < count) {
    const end = text.indexOf(' ');
    words.push(text.slice(0, end));
    text = text.slice(end + 1);
  }
  return [...words, text];
}

const linesOf = text => text.split('\n').slice(0, -1);

function receive(data) {
  const [kind, text] = cut(data, 1);
  hears[kind]?.(text);
}

const hears = {
  __proto__: null,

  you(text) {
    const before = { name, room, epoch };
    [id, name, room, epoch, next, token] = cut(text, 6);
    if (epoch !== before.epoch) {
      if (before.epoch) mark('The hub was restarted.', true);
      last.clear();
      ids.clear();
    } else if (room !== before.room) {
      mark(`You are in ${room} now.`);
    }
    ids.add(id);
    [joined, deadline, tries] = [true, Infinity, 0];
    // A name that the hub gave is nothing to ask for the next time.
    if (/^user\d+$/.test(name)) $('name').value = '';
    else store('localStorage', 'name', name);
    status('');
    $('room').textContent = room;
    $('me').replaceChildren(make('bdi', '', name));
    read();
    askLists();
    save();
  },

  past(text) {
    const [missed, rest] = cut(text, 1);
    const seen = last.get(room) ?? -1;
    if (+missed) mark(`${missed} lines that were said meanwhile are not kept any more.`, true);
    const mine = [];
    for (const entry of linesOf(rest)) {
      const [number, author, line] = cut(entry, 2);
      if (+number <= seen) continue;
      const item = show(line, author);
      if (item.mine) mine.push(item.text);
    }
    last.set(room, next - 1);
    if (isNew) giveBack(unsaid(mine));
    isNew = false;
  },

  said(text) {
    const [number, author, rest] = cut(text, 2);
    linesOf(rest).forEach((line, index) => {
      if (+number + index <= last.get(room)) return;
      last.set(room, +number + index);
      const item = show(line, author);
      if (item.mine && author !== id) takeBack(item.text);
    });
  },

  news(text) {
    linesOf(text).forEach(line => show(line));
    askLists();
  },

  told(text) { linesOf(text).forEach(line => show(line)); },

  hub(text) { linesOf(text).forEach(line => show(line)); },

  done(text) {
    const [count] = cut(text, 1);
    pending.splice(0, count - executed);
    executed = +count;
    showPending();
  },

  who(text) {
    const [count, rest] = cut(text, 1);
    people = linesOf(rest);
    $('count').textContent = $('here').textContent = count;
    const more = count - people.length;
    const entries = people.map(person => person === name
      ? make('span', '', make('bdi', '', person), make('small', '', 'you'))
      : button(person, `Write to ${person} alone`, make('bdi', '', person)));
    fill('people', more > 0 ? [...entries, make('small', '', `and ${more} more`)] : entries);
  },

  rooms(text) {
    const [count, rest] = cut(text, 1);
    const list = linesOf(rest).map(line => cut(line, 1));
    rooms = list.map(([other]) => other);
    $('room-count').textContent = count;
    fill('rooms', list.map(([other, here]) => {
      const entry = button(other, '', make('bdi', '', other), make('small', '', here));
      if (other === room) entry.setAttribute('aria-current', 'true');
      return entry;
    }));
  },
};

// ---- Lines that may not have arrived ----

// The lines that are still to be said after a reconnection, if these were said according to the history of the room. The hub
// executes lines in order, so it has also executed what was sent before such a line.
function unsaid(mine) {
  let done = 0, rest = '';
  for (const text of mine) {
    if (rest && rest.startsWith(text)) {    // the remainder of a line that the hub divided
      rest = rest.slice(text.length);
      continue;
    }
    const found = pending.findIndex((line, index) => index >= done && spoken(line) !== null);
    if (found < 0) break;
    rest = spoken(pending[found]).slice(text.length);
    done = found + 1;
  }
  return pending.splice(0).slice(done);
}

// What the room hears of a line, or null if it is a command.
function spoken(line) {
  const [, me, slash] = /^(?:\/me\s+([^]+)|\/(\/[^]*))$/.exec(line) || [];
  return me ?? slash ?? (line.startsWith('/') ? null : line);
}

function giveBack(lines) {
  showPending();
  if (!lines.length) return;
  write([...lines, box.value].filter(line => line).join('\n'));
  status('The connection was lost before this arrived. It is in the box again.');
}

// The hub has heard over an old connection what is in the box again.
function takeBack(text) {
  const lines = box.value.split('\n');
  const at = lines.findIndex(line => spoken(line) === text);
  if (at < 0) return;
  lines.splice(at, 1);
  write(lines.join('\n'));
  status('');
}

function showPending() {
  const text = pending.join('\n');
  $('pending').replaceChildren(...text ? [make('p', 'line', make('bdi', 'text', text))] : []);
  stick();
}

// ---- The log ----

const queue = [];       // items that are shown with the next frame
let frame = 0;
let follows = true;     // the reader is at the bottom, where what is new appears
let unread = 0;
let lastItem = {};

// `[Mon Nov  9 06:18:34 2026] <bob> hello`, and whose it is
function show(line, author) {
  const day = line.slice(1, 11) + line.slice(20, 25), time = line.slice(12, 17);
  const rest = line.slice(27);
  const [, emote, speaker, said] = /^(\* )?<(\S+)> ([^]*)$/.exec(rest) || [];
  const [, from, to, told] = /^\[(\S+) -> (\S+)\] ([^]*)$/.exec(rest) || [];
  let item;
  if (author !== undefined) item = { kind: emote ? 'emote' : 'said', from: speaker, text: said };
  else if (from) item = { kind: 'told', from, to, text: told };
  else item = { kind: rest.startsWith('* hub: ') ? 'hub' : 'news', text: rest.replace(/^\* (hub: )?/, '') };
  return add({ ...item, day, time, mine: ids.has(author) || from === 'you' });
}

// A line of the page's own.
function mark(text, warns) {
  add({ kind: warns ? 'mark warn' : 'mark', text });
}

function add(item) {
  items.push(item);
  queue.push(item);
  // While nobody looks there are no frames.
  if (queue.length > MAX_SHOWN) queue.shift();
  if (items.length > 2 * MAX_SHOWN) items = items.slice(-MAX_SHOWN);
  if (!item.mine && ['said', 'emote', 'told'].includes(item.kind) && (document.hidden || !follows)) unread++;
  frame ||= requestAnimationFrame(flush);
  return item;
}

function flush() {
  frame = 0;
  log.append(...queue.splice(0).flatMap(render));
  const { scrollHeight } = scroller;
  const tooMany = log.childElementCount - MAX_SHOWN;
  for (let count = 0; count < tooMany; count++) log.firstChild.remove();
  // What the reader looks at stays where it is.
  if (tooMany > 0 && !follows) scroller.scrollTop -= scrollHeight - scroller.scrollHeight;
  stick();
  showUnread();
}

function render(item) {
  if (item.kind.startsWith('mark')) {
    lastItem = { day: lastItem.day };
    return [make('p', item.kind, make('bdi', '', item.text))];
  }
  const { kind, day, time, from, to, mine } = item;
  const isSame = ['kind', 'day', 'time', 'from', 'to', 'mine'].every(key => lastItem[key] === item[key]);
  const separator = day === lastItem.day ? [] : [make('p', 'mark', day)];
  lastItem = item;
  const head = make('span', 'head');
  if (from) head.append(make('b', '', make('bdi', '', from)));
  if (to) head.append(' to ', make('b', '', make('bdi', '', to)), ' alone');
  if (kind === 'emote') head.append(' ');
  else head.append(' ', make('time', '', time), ' ');
  const text = make('bdi', 'text', item.text);
  const isNamed = !mine && from && emphasize(text, item.text);
  if (item.text.length > 3000) {
    text.classList.add('long');
    text.tabIndex = 0;      // so that the keyboard can scroll it
  }
  const line = make('p', `line ${kind}`, head, text);
  if (kind === 'emote') line.append(' ', make('time', '', time));
  line.classList.toggle('mine', mine);
  line.classList.toggle('more', isSame && kind !== 'emote' && kind !== 'news');
  line.classList.toggle('named', !!isNamed);
  return [...separator, line];
}

// Marks the reader's name in a text, if it is a word of its own. Some scripts write words without spaces.
function emphasize(element, text) {
  const isInside = /[\p{L}\p{M}\p{N}_-]{2}/u, isUnspaced = /[\p{sc=Thai}\p{sc=Lao}\p{sc=Mymr}\p{sc=Khmr}\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]/u;
  const isEdge = pair => !isInside.test(pair) || isUnspaced.test(pair);
  const parts = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(new RegExp(name.replace(/-/g, '\\x2d'), 'giu'))) {
    const end = index + found.length;
    // Pairs of characters in which a letter of two units is at least half.
    if (!isEdge(text.slice(Math.max(0, index - 1), index + 1)) || !isEdge(text.slice(end - 1, end + 1))) continue;
    parts.push(text.slice(from, index), make('mark', '', found));
    from = end;
  }
  if (from) element.replaceChildren(...parts, text.slice(from));
  return from > 0;
}

function stick() {
  if (follows) scroller.scrollTop = scroller.scrollHeight;
}

scroller.addEventListener('scroll', () => {
  follows = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  read();
});
// Also when the keyboard of a phone appears.
new ResizeObserver(stick).observe(scroller);

$('below').onclick = () => {
  follows = true;
  stick();
  read();
  box.focus();
};

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

function status(text) {
  $('status').textContent = text;
}

// ---- The box ----

function say() {
  closeChoices();
  const lines = box.value.split('\n').filter(line => line.trim());
  if (!lines.length) return;
  if (!joined) return status('No connection. Your text stays here until there is one.');
  const longest = Math.max(...lines.map(line => bytes(line).length));
  if (longest > MAX_LINE) return status(`A line has ${Math.ceil(longest / 1024)} KiB, and at most 60 can be sent. It stays here.`);
  lines.forEach(line => socket.send(line));
  pending.push(...lines);
  status('');
  write('');
  follows = true;
  showPending();
  read();
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

box.addEventListener('input', () => {
  changed();
  if (joined) status('');
  const options = completions();
  if (options.auto) openChoices(options);
  else closeChoices();
});

box.addEventListener('keydown', event => {
  const isOpen = !choices.hidden;
  const { key } = event;
  // While letters are composed, Enter and Tab belong to that.
  if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
  if (key === 'Enter' && !event.shiftKey) {
    if (isOpen && wasMoved) complete(chosen);
    else say();
  } else if (key === 'Tab' && !event.shiftKey && (isOpen || openChoices(completions()))) {
    complete(chosen);
  } else if (isOpen && (key === 'ArrowDown' || key === 'ArrowUp')) {
    choose(chosen + (key === 'ArrowDown' ? 1 : -1), true);
  } else if (isOpen && key === 'Escape') {
    closeChoices();
  } else {
    return;
  }
  event.preventDefault();
});

$('say').addEventListener('submit', event => {
  event.preventDefault();
  say();
  box.focus();
});

// ---- Completion ----

let people = [], rooms = [];        // as the hub listed them
let offered = { options: [] };
let chosen = 0, wasMoved = false;

// What can stand in place of the word before the cursor: commands, names, rooms.
function completions() {
  const before = box.value.slice(0, box.selectionStart);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const word = /\S*$/.exec(line)[0];
  const command = /^\/(\w+) +\S*$/.exec(line)?.[1];
  const isFirst = word === line;
  let options;
  if (isFirst && word.startsWith('/')) options = COMMANDS;
  else if (command === 'join' || command === 'part') options = rooms.map(other => [other]);
  else options = people.filter(person => person !== name).map(person => [person]);
  const begins = ([option]) => option.toLowerCase().startsWith(word.toLowerCase());
  const isName = options !== COMMANDS && !command;
  options = word || command ? options.filter(begins) : [];
  const auto = options === COMMANDS || (isFirst && word.startsWith('/')) || ['join', 'msg', 'ignore'].includes(command);
  return { options, word, auto, end: isName && isFirst ? ': ' : ' ' };
}

function openChoices(found) {
  offered = found;
  choices.hidden = !found.options.length;
  choices.replaceChildren(...found.options.map(([option, hint = ''], index) => {
    const entry = make('li', '', make('bdi', '', option), make('small', '', hint));
    entry.id = `choice${index}`;
    entry.setAttribute('role', 'option');
    return entry;
  }));
  choose(0, false);
  return !choices.hidden;
}

function choose(index, moved) {
  const count = offered.options.length;
  [chosen, wasMoved] = [(index + count) % (count || 1), moved];
  [...choices.children].forEach((entry, at) => entry.setAttribute('aria-selected', at === chosen));
  choices.children[chosen]?.scrollIntoView({ block: 'nearest' });
  if (count) box.setAttribute('aria-activedescendant', `choice${chosen}`);
}

function complete(index) {
  const { options, word, end } = offered;
  const after = box.value.slice(box.selectionStart);
  const text = box.value.slice(0, box.selectionStart - word.length) + options[index][0] + end;
  closeChoices();
  write(text + after, text.length);
}

function closeChoices() {
  choices.hidden = true;
  box.removeAttribute('aria-activedescendant');
}

// Not `click`, because the box would lose the focus and the keyboard would go away.
choices.addEventListener('pointerdown', event => {
  event.preventDefault();
  const entry = event.target.closest('li');
  if (entry) complete([...choices.children].indexOf(entry));
});

// ---- People and rooms ----

let asked = 0, asking = 0;

// The hub answers once a second at most.
function askLists() {
  asking ||= setTimeout(() => {
    [asking, asked] = [0, Date.now()];
    ask('who');
    ask('rooms');
  }, Math.max(0, asked + 1500 - Date.now()));
}

function button(value, label, ...children) {
  const element = make('button', '', ...children);
  element.value = value;
  if (label) element.title = label;
  return element;
}

// Puts other entries into a list. The focus stays on the entry that has it.
function fill(list, entries) {
  const focused = $(list).contains(document.activeElement) && document.activeElement.value;
  $(list).replaceChildren(...entries.map(entry => make('li', '', entry)));
  if (focused) entries.find(entry => entry.value === focused)?.focus();
}

function openMenu(isOpen) {
  document.body.classList.toggle('menu', isOpen);
  $('menu').setAttribute('aria-expanded', isOpen);
  if (isOpen) $('side').querySelector('button').focus();
}

$('menu').onclick = () => openMenu(!document.body.classList.contains('menu'));
scroller.addEventListener('pointerdown', () => openMenu(false));
$('side').addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  openMenu(false);
  $('menu').focus();
});

// Puts a command in front of what is in the box.
function begin(command) {
  openMenu(false);
  write(command + box.value.replace(/^\/(msg \S+|join|name) */, ''));
  box.focus();
}

// Says something that is not in the box.
function order(line) {
  openMenu(false);
  if (!joined) return;
  socket.send(line);
  pending.push(line);
  box.focus();
}

$('people').onclick = event => {
  const person = event.target.closest('button')?.value;
  if (person) begin(`/msg ${person} `);
};
$('rooms').onclick = event => {
  const other = event.target.closest('button')?.value;
  if (other && other !== room) order(`/join ${other}`);
};
$('new-room').onclick = () => begin('/join ');
$('me').onclick = () => begin('/name ');
$('leave').onclick = () => joined ? order('88') : stayAway(ENDS[1000]);

// ---- The door, and the rest ----

function showDoor(why, asksForTicket) {
  clearTimeout(timer);
  [door.hidden, chat.hidden] = [false, true];
  $('why').textContent = why;
  $('asks').hidden = !asksForTicket;
  $('ticket').value = '';
  if (!$('name').value && !/^user\d+$/.test(name)) $('name').value = name;
  (asksForTicket ? $('ticket') : $('name')).focus();
}

function enter() {
  wanted = true;
  [door.hidden, chat.hidden] = [true, false];
  connect();
  changed();
  box.focus();
}

$('join').addEventListener('submit', event => {
  event.preventDefault();
  // Also the whole link.
  ticket = $('ticket').value.trim().replace(/^.*#/, '') || ticket;
  name = $('name').value.trim().replace(/\s+/g, '_');
  if (!ticket) return showDoor('Without the code nobody gets in.', true);
  enter();
});

// Somebody opens another link in this tab.
addEventListener('hashchange', () => {
  ticket = location.hash.slice(1) || ticket;
  if (!wanted) showDoor('', !ticket);
});

function resize(isLarge) {
  document.documentElement.classList.toggle('large', isLarge);
  $('size').setAttribute('aria-pressed', isLarge);
  store('localStorage', 'large', isLarge ? 'yes' : '');
  changed();
  stick();
}
$('size').onclick = () => resize(!document.documentElement.classList.contains('large'));

// Some phones lay their keyboard over the page, and tell nobody but this. If somebody zooms in, it is about something else.
window.visualViewport?.addEventListener('resize', () => {
  if (visualViewport.scale !== 1) return;
  document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
  scrollTo(0, 0);
});

document.body.classList.toggle('encrypted', location.protocol === 'https:');
write(load('sessionStorage', 'draft') || '');
resize(load('localStorage', 'large') === 'yes');
// What was shown before a reload. Queued items are shown with the first frame.
queue.push(...items);
flush();
showPending();
if (wanted) enter();
else showDoor(ticket ? '' : 'Ask for the link to this chat, or its code.', !ticket);
