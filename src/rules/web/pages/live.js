"use strict";
// What the threads of the hub do: a lane for each, and the way of every message through them. docs/web.md describes the frames
// in which the hub tells it, ten a second. Nothing here is drawn before its frame has come, so the picture is a moment late.

const KEPT = 600;        // Frames: the last minute.
const STEPS = 16;        // The last steps of each thread.
const FALLS = 100;       // The frames in the graph of the channel's length.
const THREADS = 1000;    // The threads whose last steps are known: those that have done something lately.
const MESSAGES = 20;     // The messages of a frame that can be pointed at. Others are counted.
const TRAVEL = 1300;     // How long a message travels across the picture, in milliseconds. In truth it is microseconds.
const SILENCE = 5000;    // After so many milliseconds without a frame the connection is dead.

const $ = id => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

// ---- What has been told: a frame is the state of the hub after a tenth of a second, and what happened in it.

const frames = [];
let known;
forget();

// What is known of the threads from one frame to the next.
function forget() {
  known = { names: {}, owners: new Map(), strips: new Map(), messages: new Map(), batch: [], hasWritten: false, now: 0 };
}

function parse(text) {
  const [word, skipped] = text.split(" ", 2);
  const frame = { skipped: +skipped, clients: [], steps: [], head: null };
  for (const line of text.slice(word.length + skipped.length + 2).split("\n")) {
    if (line[0] === "[") {
      const [since, lasts, thread, kind, name, what, number, stream, first, count] = JSON.parse(line);
      frame.steps.push({ since, lasts, thread, kind, name, what, number, stream, first, count });
    } else if (line[0] === "{") {
      frame.head = JSON.parse(line);
    } else if (line.startsWith("members ")) {
      const [count, rooms, full, waiting, limit] = line.split(" ").slice(1).map(Number);
      Object.assign(frame, { limit, count, rooms, full, waiting });
    } else if (line.startsWith("member ")) {
      const [, id, pending, said, state, waits, room, name] = line.split(" ");
      const ids = waits === "-" ? [] : waits.split(",").map(Number);
      frame.clients.push({ id: +id, pending: +pending, said: +said, isFull: state === "full", waits: ids, room, name });
    }
  }
  return frame;
}

// Finds out which thread belongs to whom, and which way each message has gone.
function follow(frame) {
  const { head, steps, clients } = frame;
  const by = new Map(clients.map(client => [client.id, client]));
  const sent = new Map(), received = new Map([[0, 0]]);
  for (const [id, to, from] of head.clients) {
    sent.set(to, id);
    received.set(from, id);
  }
  Object.assign(known.names, head.threads);
  const messages = new Set(), time = {};
  let first = null, length = 0, left = 0, writes = 0;
  // Whom main writes to without a lane, if everybody has one, is somebody who looks at this page.
  const isOurs = step => step.name.startsWith("wr") && step.what === "client" && frame.count === clients.length && !sent.has(step.stream);
  for (const step of steps) {
    const thread = known.names[step.thread];
    if (thread === "main" && isOurs(step)) continue;
    const strip = known.strips.get(step.thread) ?? [];
    // Who was heard of last stands last.
    known.strips.delete(step.thread);
    known.strips.set(step.thread, strip);
    const before = strip.at(-1);
    if (before && before.lasts === null && !known.hasGap) before.lasts = step.since - before.since;
    // Main writes to one client after the other: that is one box.
    const isSame = before?.name === step.name && before.what === step.what;
    if (isSame) strip.pop();
    if (strip.push(isSame ? { ...step, times: (before.times ?? 1) + 1 } : step) > STEPS) strip.shift();
    if (step.name === "ends") lose(step.thread);
    if (known.strips.size > THREADS) lose(known.strips.keys().next().value);
    if (step.name === "sends") length = Math.max(length, left = step.number + 1);
    if (step.name === "takes") length = Math.max(length, left = step.number);
    const message = note(step, thread, received);
    if (message) messages.add(message);
    if (step.name === "wrote" && thread !== "main" && sent.has(step.stream)) known.owners.set(step.thread, sent.get(step.stream));
    if (thread !== "main") continue;
    first ??= step;
    frame.main = step.thread;
    if (step.name === "waits") known.batch = [];
    if (step.name === "decides" && message) {
      if (known.hasWritten) known.batch = [];
      known.hasWritten = false;
      known.batch.push(message);
    }
    if (step.what === "client" && (step.name === "wrote" || step.name === "hands out")) {
      known.hasWritten = true;
      writes += 1;
      for (const message of known.batch) reach(message, sent.get(step.stream), step, by);
    }
  }
  const span = head.missed ? (steps.at(-1)?.since ?? 0) - (first?.since ?? 0) : head.now - (known.now || head.now);
  for (const step of steps) {
    if (step.thread === frame.main && step.kind !== "waits") time[step.kind] = (time[step.kind] ?? 0) + (step.lasts ?? 0);
  }
  const decided = [...messages].filter(message => message.decided !== undefined && !message.isTold);
  decided.forEach(message => message.isTold = true);
  const counted = decided.reduce((sum, message) => sum + message.count, 0);
  frame.isThreads = head.design === "threads";
  Object.assign(frame, { time, span, length, left, writes, rate: span ? counted * 1e6 / span : 0 });
  frame.messages = decided.slice(0, MESSAGES);
  frame.more = decided.length - frame.messages.length;
  frame.lanes = lanes(frame, by);
  frame.steps = frame.steps.length;
  for (const message of frame.messages) {
    message.room = by.get(message.from)?.room;
    message.waitsWith = clients.filter(({ id, room, pending }) => id !== message.from && room === message.room && pending > 0
      && !message.to.has(id)).map(({ id }) => id);
  }
  // A message that has not been finished by now will not be.
  for (const [key, message] of known.messages) if (message.seen < known.now) known.messages.delete(key);
  known.now = head.now;
  known.hasGap = head.missed > 0;
  if (known.hasGap) Object.assign(known, { batch: [], hasWritten: false });
}

function lose(thread) {
  known.strips.delete(thread);
  known.owners.delete(thread);
}

// What a step says about a message, and the message.
function note(step, thread, received) {
  if (!step.count || !["read", "takes", "decides"].includes(step.name) || !received.has(step.stream) && step.name !== "read"
    && !known.messages.has(`${step.stream}:${step.first}`)) return null;
  const key = `${step.stream}:${step.first}`;
  let message = known.messages.get(key);
  if (!message || step.name === "read") {
    message = { stream: step.stream, first: step.first, count: step.count, from: received.get(step.stream) ?? null,
      to: new Map(), others: 0 };
    known.messages.set(key, message);
  }
  message.seen = step.since;
  if (step.name === "read") {
    known.owners.set(step.thread, message.from);
    Object.assign(message, { read: step.since, bytes: step.number, reader: thread });
  } else {
    message[step.name === "takes" ? "taken" : "decided"] = step.since;
    if (step.name === "takes") message.left = step.number;
  }
  return message;
}

// The batch to which a message belongs was written to this client.
function reach(message, id, step, by) {
  message.last = step.since + (step.lasts ?? 0);
  const room = by.get(message.from)?.room;
  if (id === undefined) message.others += 1;
  else if (id !== message.from && (room === undefined || by.get(id)?.room === room)) {
    message.to.set(id, message.to.get(id) === "hands out" ? "hands out" : step.name);
  }
}

// A thread that has done nothing in this tenth of a second waits, although its last steps may have been too many to be told.
function settled(strip, frame, what) {
  const last = strip.at(-1);
  const isOld = last.kind !== "waits" && last.since < known.now;
  return isOld ? [...strip, { ...last, kind: "waits", name: "waits", what, times: 0 }] : strip.slice();
}

// The last steps of each thread that has a lane.
function lanes(frame, by) {
  const readers = new Map(), writers = new Map();
  for (const [thread, strip] of known.strips) {
    const name = known.names[thread] ?? "";
    const owner = known.owners.get(thread);
    if (owner === undefined || owner === null) continue;
    const client = by.get(owner);
    if (name.endsWith("reader")) readers.set(owner, settled(strip, frame, client?.waits.length ? "buffer" : "client"));
    if (name.endsWith("writer")) writers.set(owner, client?.pending ? strip.slice() : settled(strip, frame, "work"));
  }
  // Main hands out what a client does not accept at once, so there is a writer: blocked since before somebody looked.
  for (const { id, pending } of by.values()) {
    if (frame.isThreads && id && pending && !writers.has(id)) writers.set(id, [{ kind: "writes", name: "writes", what: "client" }]);
  }
  return { readers, writers, main: (known.strips.get(frame.main) ?? []).slice() };
}

// ---- What is shown.

let shown = null;       // The frame that is drawn.
let isPaused = false;
let chosen = null;      // The message whose way is highlighted.
let flights = [];       // The messages that are on their way across the picture.
let place = {};         // Where everything is.

const picture = $("picture");
const element = (name, attributes, parent) => {
  const made = document.createElementNS(picture.namespaceURI, name);
  set(made, attributes);
  parent?.append(made);
  return made;
};
const set = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) {
    const text = typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
};
const write = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};
const cut = (text, letters) => text.length > letters ? `${text.slice(0, Math.max(letters - 1, 1))}…` : text;
const size = bytes => bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KiB`
  : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const span = micros => micros < 1000 ? `${Math.round(micros)} µs` : micros < 1e6 ? `${(micros / 1000).toFixed(micros < 1e4 ? 1 : 0)} ms`
  : `${(micros / 1e6).toFixed(1)} s`;
const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// Where everything is, for a picture of this size with so many clients.
function arrange(frame) {
  const { width, height } = picture.getBoundingClientRect();
  const em = parseFloat(getComputedStyle(picture).fontSize);
  const top = 2.2 * em, bottom = .5 * em;
  const fits = Math.max(Math.floor((height - top - bottom) / (1.22 * em)), 3);
  let clients = frame.clients;
  const isSummed = frame.count > Math.min(clients.length, fits);
  if (clients.length > fits - isSummed) {
    const urgency = ({ isFull, waits, pending }) => isFull ? 3 : pending > 0 ? 2 : waits.length ? 1 : 0;
    clients = clients.toSorted((a, b) => urgency(b) - urgency(a)).slice(0, fits - 1);
  }
  clients = clients.toSorted((a, b) => a.id - b.id);
  const count = clients.length + isSummed;
  const line = Math.min((height - top - bottom) / Math.max(count, 1), 2.4 * em);
  const layout = [width, height, count, frame.isThreads].join();
  const rows = new Map(clients.map((client, row) => [client.id, top + row * line]));
  const others = isSummed ? top + clients.length * line : top;
  const column = (from, to) => ({ x: from * width, width: (to - from) * width, end: to * width });
  const columns = frame.isThreads
    ? { name: column(0, .095), reader: column(.1, .32), channel: column(.355, .41), main: column(.435, .645) }
    : { name: column(0, .095), reader: column(.1, .135), channel: null, main: column(.25, .645) };
  Object.assign(columns, frame.isThreads ? { outbox: column(.69, .77), writer: column(.775, .875) } : { outbox: column(.69, .875), writer: null });
  columns.note = column(.88, 1);
  place = { ...place, width, height, em, top, line, rows, others, isSummed, clients, ...columns, middle: height * .3 };
  if (place.layout !== layout) build(layout);
}

// Makes the elements whose number and size stay until the next change of the layout.
function build(layout) {
  const { em, top, line, height, channel, main, middle, isSummed } = place;
  place.layout = layout;
  ["rows", "hub", "list"].forEach(id => $(id).replaceChildren());
  const rows = $("rows"), hub = $("hub");
  const title = (column, text) => element("text", { class: "title", x: column.x + column.width / 2, y: top - .7 * em }, hub).textContent = text;
  title(place.reader, channel ? "client-readers" : "clients");
  title(main, channel ? "main" : "main, the only thread");
  if (channel) title(place.writer, "client-writers");
  title(place.outbox, "outboxes");
  place.lines = [...place.clients, ...(isSummed ? [null] : [])].map((_, row) => {
    const y = top + row * line, text = y + line / 2 + .35 * em;
    return {
      name: element("text", { class: "track", x: place.name.end, y: text }, rows),
      reader: strip(place.reader, y + 2, line - 4, rows, channel ? "track" : "outbox"),
      writer: place.writer && strip(place.writer, y + 2, line - 4, rows, "track"),
      outbox: element("rect", { class: "outbox", x: place.outbox.x, y: y + 2, width: place.outbox.width, height: line - 4, rx: 2 }, rows),
      level: bar(rows, "level", place.outbox.x, y + 2, line - 4),
      note: element("text", { class: "start", x: place.note.x, y: text }, rows),
    };
  });
  if (channel) {
    title(channel, "channel");
    element("rect", { class: "pipe", x: channel.x, y: top, width: channel.width, height: height - top - .5 * em, rx: 4 }, hub);
    place.level = element("path", { class: "length" }, hub);
    place.length = element("text", { class: "big", x: channel.x + channel.width / 2, y: top + 1.8 * em }, hub);
    place.unit = element("text", { class: "small middle", x: channel.x + channel.width / 2, y: top + 3 * em }, hub);
    const ago = element("text", { class: "small middle", x: channel.x + channel.width / 2, y: height - em }, hub);
    write(ago, `${FALLS / 10} s before`);
  }
  const high = Math.max(1.9 * em, 26);
  element("rect", { class: "track", x: main.x, y: middle - high, width: main.width, height: 2 * high + 1.6 * em, rx: 4 }, hub);
  place.steps = strip({ x: main.x + 5, width: main.width - 10 }, middle - high + 5, high, hub, "track", (channel ? 4.1 : 5.5) * em, 7.5 * em);
  place.shares = ["read", "takes", "decides", "sends", "writes", "tells", "life", "says88"].map(kind => {
    const share = bar(hub, `step ${kind}`, main.x + 5, middle + 10, high - 10);
    return { kind, ...share };
  });
  place.busy = element("text", { class: "middle", x: main.x + main.width / 2, y: middle + high + .9 * em }, hub);
  const from = middle + high + 3.4 * em;
  place.heading = element("text", { class: "title", x: main.x + main.width / 2, y: from - .6 * em }, $("list"));
  const fits = Math.max(Math.floor((height - from - .5 * em) / (1.6 * em)), 1);
  place.entries = Array.from({ length: Math.min(fits, 12) }, (_, row) => {
    const entry = element("g", { class: "entry", role: "button", tabindex: 0 }, $("list"));
    element("rect", { x: main.x, y: from + row * 1.6 * em, width: main.width, height: 1.6 * em, rx: 3 }, entry);
    const text = element("text", { class: "start", x: main.x + 8, y: from + (row * 1.6 + 1.1) * em }, entry);
    const look = () => entry.message && choose(entry.message);
    entry.addEventListener("pointerenter", look);
    entry.addEventListener("focus", look);
    entry.addEventListener("click", () => entry.message && goToWayOf(entry.message));
    return { entry, text };
  });
}

const bar = (parent, kind, x, y, height) => {
  const group = element("g", { class: kind }, parent);
  return { group, rect: element("rect", { x, y, width: 0, height, rx: 2 }, group) };
};

// A lane with the last steps of a thread, of the same width each: the latest is on the right.
function strip({ x, width }, y, height, parent, kind, narrow = 0, widest = 9 * place.em) {
  const { em } = place;
  const group = element("g", {}, parent);
  const ground = element("rect", { class: kind, x, y, width, height, rx: 2 }, group);
  const wide = Math.min(widest, width);
  narrow ||= Math.max((width - wide) / 3, 2 * em);
  const count = Math.min(Math.floor((width - wide) / narrow + .01), STEPS - 1) + 1;
  const boxes = Array.from({ length: count }, (_, back) => {
    const box = element("g", {}, group);
    const [left, long] = back ? [x + width - wide - back * narrow, narrow - 1.5] : [x + width - wide, wide];
    element("rect", { x: left, y, width: long, height, rx: 2 }, box);
    const text = element("text", { x: left + 4, y: y + height / 2 + .32 * em }, box);
    return { box, text, letters: Math.floor((long - 4) / (.52 * em)) };
  });
  return { group, ground, boxes };
}

function drawStrip({ group, boxes }, steps) {
  set(group, { visibility: steps ? "visible" : "hidden" });
  boxes.forEach(({ box, text, letters }, back) => {
    const step = steps?.at(-1 - back);
    set(box, { visibility: step ? "inherit" : "hidden", class: step ? `step ${step.kind}${isStuck(step) ? " stuck" : ""}` : "" });
    if (step) write(text, label(step, letters));
  });
}

// Backpressure: a reader without a buffer. A write that blocks is told by its full outbox.
const isStuck = step => step.name === "waits" && step.what === "buffer";

function label(step, letters) {
  const waits = isStuck(step) ? ["waits: no buffer", "full", "!"] : [`waits: ${step.what}`, "waits", ""];
  if (step.name === "waits") return waits.find(text => text.length <= letters) ?? "";
  const times = step.times ? ` ×${step.times}` : "";
  return [`${step.name} ${step.what}${times}`, step.name + times, step.name].find(text => text.length <= letters) ?? step.name[0];
}

function draw(frame) {
  shown = frame;
  arrange(frame);
  const { clients, lines, isSummed } = place;
  const names = new Map(frame.clients.map(({ id, name }) => [id, name]));
  const waiting = new Map();
  frame.clients.forEach(({ id, waits }) => waits.forEach(by => waiting.set(by, [...waiting.get(by) ?? [], id])));
  lines.forEach((line, row) => drawLine(line, clients[row], frame, names, waiting));
  if (isSummed) drawSum(lines.at(-1), frame, clients.length);
  drawHub(frame);
  drawEntries(frame);
  drawWays();
  drawSummary(frame);
}

const idle = [{ kind: "waits", name: "waits", what: "client" }];

function drawLine(line, client, frame, names, waiting) {
  if (!client) return;
  const { id, name, pending, said, isFull, waits, room } = client;
  const letters = place.note.width / (.5 * place.em);
  const holds = waiting.get(id) ?? [];
  write(line.name, cut(name, 12));
  set(line.name, { class: waits.length ? "track held" : "track" });
  drawStrip(line.reader, place.channel ? frame.lanes.readers.get(id) ?? idle : null);
  set(line.reader.group, { visibility: "visible" });
  const writer = frame.lanes.writers.get(id);
  if (line.writer) drawStrip(line.writer, writer);
  if (line.writer && writer && isFull) line.writer.boxes[0].box.classList.add("stuck");
  set(line.outbox, { visibility: "visible" });
  const full = Math.min(said / frame.limit, 1);
  set(line.level.group, { class: isFull ? "level step stuck" : "level" });
  set(line.level.rect, { width: pending ? Math.max(full * place.outbox.width, 3) : 0 });
  const list = ids => ids.length > 1 ? many(ids.length, "client") : ids.map(id => names.get(id) ?? "?").join(", ");
  const told = holds.length ? `full: ${holds.length === 1 ? `${list(holds)} waits` : `${holds.length} wait`}` : waits.length ? `waits for ${list(waits)}`
    : isFull ? "full" : pending ? size(pending) : frame.rooms > 1 ? room : "";
  write(line.note, cut(told, letters));
  set(line.note, { class: holds.length || isFull ? "start holds" : waits.length ? "start held" : "start small" });
}

function drawSum(line, frame, listed) {
  const more = frame.count - listed;
  write(line.name, `${more.toLocaleString("en")} more`);
  set(line.name, { class: "track" });
  drawStrip(line.reader, place.channel ? idle : null);
  set(line.reader.group, { visibility: "visible" });
  if (place.channel) write(line.reader.boxes[0].text, cut(many(more, "client-reader"), line.reader.boxes[0].letters));
  if (line.writer) drawStrip(line.writer, null);
  set(line.level.rect, { width: 0 });
  write(line.note, "");
}

function drawHub(frame) {
  const { channel, top, height, em, main } = place;
  if (channel) {
    // Its length: now above, and before below.
    const last = frames.slice(0, frames.indexOf(frame) + 1).slice(-FALLS).reverse();
    const most = Math.max(8, ...last.map(({ length }) => length));
    const high = (height - top - 5.8 * em) / FALLS;
    const widths = last.map(({ length }) => length / most * (channel.width - 8));
    set(place.level, { d: widths.map((width, at) => width ? `M${(channel.x + (channel.width - width) / 2).toFixed(1)} `
      + `${(top + 3.8 * em + at * high).toFixed(1)}h${width.toFixed(1)}v${high.toFixed(1)}h${(-width).toFixed(1)}z` : "").join("") });
    write(place.length, String(frame.length));
    write(place.unit, frame.length === 1 ? "event" : "events");
  }
  drawStrip(place.steps, frame.lanes.main);
  let x = main.x + 5;
  const whole = main.width - 10;
  let busy = 0;
  for (const { kind, rect } of place.shares) {
    const share = frame.span ? Math.min((frame.time[kind] ?? 0) / frame.span, 1 - busy) : 0;
    set(rect, { x, width: share * whole });
    x += share * whole;
    busy += share;
  }
  frame.busy = busy;
  write(place.busy, `busy ${busy < .01 && busy > 0 ? "< 1" : Math.round(busy * 100)} % of the time`);
}

function drawEntries(frame) {
  const { entries, heading } = place;
  const focused = document.activeElement?.classList.contains("entry");
  if (!isPaused && (focused || $("list").matches(":hover"))) return;
  if (!isPaused) latest = [...frame.messages.toReversed(), ...latest].slice(0, 12);
  const messages = isPaused ? frame.messages : latest;
  write(heading, isPaused ? `${many(frame.messages.length + frame.more, "message")} in 0.1 s` : "the latest messages");
  const names = new Map(frame.clients.map(({ id, name }) => [id, name]));
  entries.forEach(({ entry, text }, row) => {
    const message = messages[row];
    entry.message = message;
    set(entry, { visibility: message ? "visible" : "hidden", tabindex: message ? "0" : "-1" });
    if (!message) return;
    const which = message.count > 1 ? `${message.first}–${message.first + message.count - 1}` : message.first;
    write(text, `${cut(names.get(message.from) ?? "somebody", 12)} ${which} → ${message.to.size + message.others}`);
    set(entry, { class: message === chosen ? "entry lit" : "entry" });
  });
}
let latest = [];

function drawSummary(frame) {
  const jam = frame.full ? document.createElement("b") : "";
  if (jam) jam.textContent = ` · ${many(frame.full, "full outbox").replace("boxs", "boxes")}, ${frame.waiting.toLocaleString("en")} waiting`;
  document.body.classList.toggle("single", !frame.isThreads);
  $("summary").replaceChildren(`${frame.head.design} design · ${many(frame.count, "member")} in ${many(frame.rooms, "room")} · `
    + `${many(Math.round(averageRate(frame)), "message")} a second`, jam);
  const part = frame.steps / (frame.steps + frame.head.missed);
  const rest = frame.head.missed ? ` · ${part < .01 ? "< 1" : Math.round(part * 100)} % of the steps` : "";
  const ago = (frames.at(-1)?.head.now - frame.head.now) / 1e6;
  $("shown").textContent = (isPaused ? ago > .05 ? `${ago.toFixed(1)} s before` : "paused" : "live") + rest;
  $("details").replaceChildren(...chosen ? tell(chosen) : jams(frame));
}

// Over the last second: one tenth says little.
function averageRate(frame) {
  const at = frames.indexOf(frame);
  const last = frames.slice(Math.max(at - 9, 0), at + 1);
  return last.reduce((sum, { rate }) => sum + rate, 0) / Math.max(last.length, 1);
}

const named = name => {
  const bdi = document.createElement("bdi");
  bdi.textContent = name;
  return bdi;
};

// Who is held up by whom, or what can be done here.
function jams(frame) {
  const full = frame.clients.filter(({ isFull }) => isFull);
  if (!full.length) return ["Point at a message to see its way. Space pauses, ← and → go through the last minute."];
  const words = full.slice(0, 3).flatMap(({ name, id, said }) => {
    const held = frame.clients.filter(({ waits }) => waits.includes(id)).length;
    return [named(name), ` does not read, and ${size(said)} wait in the full outbox: `
      + (held ? `${many(held, "client")} who ${held === 1 ? "talks" : "talk"} to that room ${held === 1 ? "is" : "are"} held up. `
        : "nobody is held up yet. ")];
  });
  return words;
}

// ---- The ways of messages.

const rowOf = id => (place.rows.get(id) ?? place.others) + place.line / 2;

// The corners of a message's way: to main, and from there to each outbox.
function corners(message) {
  const { channel, main, middle, reader, outbox } = place;
  const inward = [[reader.end, rowOf(message.from)]];
  if (channel) inward.push([channel.x + channel.width / 2, middle]);
  inward.push([main.x, middle]);
  const ids = [...message.to.keys(), ...message.waitsWith ?? []];
  const ends = new Set(ids.map(id => rowOf(id)));
  if (message.others && place.isSummed) ends.add(rowOf(null));
  return { inward, outward: [...ends].map(y => [[main.x + main.width, middle], [outbox.x, y]]) };
}

const line = points => points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function drawWays() {
  const ways = $("ways");
  const messages = isPaused || still ? shown.messages : chosen ? [chosen] : [];
  const wanted = messages.filter(message => message !== chosen).concat(messages.includes(chosen) || chosen && !isPaused ? [chosen] : []);
  ways.replaceChildren(...wanted.flatMap(message => {
    const { inward, outward } = corners(message);
    const kind = message === chosen ? "lit" : chosen ? "pale" : "";
    return [inward, ...outward].map(points =>
      element("path", { class: `way arrow there ${kind}`, d: line(points), "marker-end": "url(#head-there)" }));
  }));
}

const between = ([x1, y1], [x2, y2], part) => [x1 + (x2 - x1) * part, y1 + (y2 - y1) * part];

// Where a message is when this part of its journey is over: at one place, and after main at many.
function whereabouts(message, part) {
  const { inward, outward } = corners(message);
  const rest = .12, out = .42;
  if (part > 1 - out) return outward.map(([from, to]) => between(from, to, Math.min((part - 1 + out) / (out - .04), 1)));
  const legs = inward.length - 1;
  const leg = (1 - out) / legs;
  const now = Math.min(Math.floor(part / leg), legs - 1);
  const within = Math.min((part - now * leg) / (leg - rest), 1);
  return [between(inward[now], inward[now + 1], within)];
}

function animate(now) {
  flights = flights.filter(({ began }) => now < began + TRAVEL);
  const dots = $("dots");
  while (dots.childElementCount > flights.length) dots.lastChild.remove();
  while (dots.childElementCount < flights.length) element("path", {}, dots);
  flights.forEach((flight, at) => {
    flight.points = now < flight.began ? [] : whereabouts(flight.message, (now - flight.began) / TRAVEL);
    set(dots.children[at], { class: flight.message === chosen ? "dot lit" : "dot",
      d: flight.points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("") });
  });
  if (flights.length && !isPaused) requestAnimationFrame(animate);
  else isAnimated = false;
}
let isAnimated = false;

function sendOff(frame) {
  if (still) return;
  const now = performance.now();
  // The first and the last, or those at the end of a batch would never be seen.
  const sent = new Set([frame.messages[0], frame.messages.at(-1)].filter(message => message));
  [...sent].forEach((message, at) => flights.push({ message, began: now + at * 50, points: [] }));
  if (flights.length && !isAnimated) {
    isAnimated = true;
    requestAnimationFrame(animate);
  }
}

// Highlights the way of a message, and tells it.
function choose(message) {
  if (chosen === message) return;
  chosen = message;
  drawWays();
  place.entries?.forEach(({ entry }) => entry.message && set(entry, { class: entry.message === chosen ? "entry lit" : "entry" }));
  if (message) $("details").replaceChildren(...tell(message));
}

function tell(message) {
  const name = id => named(shown.clients.find(client => client.id === id)?.name ?? "somebody");
  const { read, taken, decided, last, from, count, first, bytes, left, reader, to, others, waitsWith } = message;
  const words = [count > 1 ? `Messages ${first} to ${first + count - 1} of ` : `Message ${first} of `, name(from)];
  if (bytes) words.push(`, ${size(bytes)}`);
  words.push(": ");
  if (read !== undefined) words.push(`${reader} reads`);
  if (taken !== undefined) words.push(` → the channel${read !== undefined ? `, for ${span(taken - read)}` : ""} → main takes it, ${left} left`);
  words.push(" → main decides: relay");
  if (last !== undefined) words.push(` → main writes to ${many(to.size + others, "client")} within ${span(last - decided)}`);
  const handed = [...to].filter(([, how]) => how === "hands out").map(([id]) => id);
  if (handed.length) words.push(", and hands out to the client-writer of ", ...handed.slice(0, 3).flatMap((id, at) => [at ? ", " : "", name(id)]));
  if (waitsWith?.length) {
    words.push("; it waits in the outbox of ", ...waitsWith.slice(0, 3).flatMap((id, at) => [at ? ", " : "", name(id)]));
  }
  return [...words, "."];
}

// The message nearest to a point of the picture, if there is one close by.
function nearest(x, y) {
  let best = null, least = 16;
  const close = (message, distance) => {
    if (distance < least) [best, least] = [message, distance];
  };
  if (!isPaused) {
    for (const { message, points } of flights) points.forEach(([px, py]) => close(message, Math.hypot(px - x, py - y)));
    return best;
  }
  for (const message of shown?.messages ?? []) {
    const { inward, outward } = corners(message);
    for (const points of [inward, ...outward]) {
      for (let at = 1; at < points.length; at += 1) close(message, distance([x, y], points[at - 1], points[at]));
    }
  }
  return best;
}

function distance([x, y], [x1, y1], [x2, y2]) {
  const long = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const part = long ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / long)) : 0;
  return Math.hypot(x - x1 - part * (x2 - x1), y - y1 - part * (y2 - y1));
}

// ---- The time.

function pause(should) {
  if (isPaused === should || !frames.length) return;
  isPaused = should;
  set($("pause"), { "aria-pressed": String(should) });
  $("pause").replaceChildren(should ? "▶ " : "‖ ", Object.assign(document.createElement("span"), { textContent: should ? "Live" : "Pause" }));
  flights = [];
  $("dots").replaceChildren();
  if (should) goTo(frames.length - 1);
  else {
    // Frames that came meanwhile were not kept, so nothing is known of the threads.
    forget();
    chosen = null;
    latest = [];
  }
}

// Shows one of the kept frames. Those without a message have little to see, but the arrow keys stop there, too.
function goTo(at) {
  if (!frames.length) return;
  pause(true);
  const index = Math.max(0, Math.min(at, frames.length - 1));
  const frame = frames[index];
  if (!frame.messages.includes(chosen)) {
    chosen = null;
    shown = frame;
    chosen = frame.messages[0] ?? null;
  }
  draw(frame);
  $("when").value = String(index);
  set($("when"), { "aria-valuetext": $("shown").textContent });
}

// Stops at the moment of this message. Meanwhile the list may show others.
function goToWayOf(message) {
  const at = frames.findLastIndex(({ messages }) => messages.includes(message));
  pause(true);
  if (at >= 0) goTo(at);
  choose(message);
}

// The next message of the frame that is shown, or the one before.
function goToMessage(by) {
  const { messages } = shown;
  if (messages.length) choose(messages[(messages.indexOf(chosen) + by + messages.length) % messages.length]);
}

function drawGraph() {
  const from = KEPT - frames.length;
  const value = frame => frame.isThreads ? frame.length : frame.messages.length + frame.more;
  const most = Math.max(4, ...frames.map(value));
  const points = frames.map((frame, at) => `L${from + at} ${(40 - value(frame) / most * 38).toFixed(1)}`).join("");
  set($("length"), { d: `M${from} 40${points}L${KEPT} 40z` });
  set($("jams"), { d: frames.map((frame, at) => frame.full ? `M${from + at} 0h1v40h-1z` : "").join("") });
  $("past").title = shown?.isThreads ? "the channel’s length in the last minute; red: somebody’s outbox was full"
    : "messages in each tenth of the last minute; red: somebody’s outbox was full";
}

$("pause").addEventListener("click", () => pause(!isPaused));
$("back").addEventListener("click", () => goTo(frames.indexOf(shown) - 1));
$("forth").addEventListener("click", () => goTo(frames.indexOf(shown) + 1));
$("when").addEventListener("input", () => goTo(+$("when").value));
$("theme").addEventListener("click", () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || document.documentElement.style.colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.style.colorScheme = isDark ? "light" : "dark";
});
const keys = {
  " ": () => pause(!isPaused),
  ArrowLeft: event => goTo(frames.indexOf(shown) - (event.shiftKey ? 10 : 1)),
  ArrowRight: event => goTo(frames.indexOf(shown) + (event.shiftKey ? 10 : 1)),
  ArrowUp: () => isPaused && goToMessage(-1),
  ArrowDown: () => isPaused && goToMessage(1),
  Home: () => goTo(0),
  End: () => pause(false),
  Escape: () => choose(null),
};
addEventListener("keydown", event => {
  const act = keys[event.key];
  // A button is pressed with Space.
  if (!act || event.ctrlKey || event.altKey || event.metaKey || event.key === " " && event.target.closest("button")) return;
  event.preventDefault();
  act(event);
});
picture.addEventListener("pointermove", event => {
  if (event.target.closest(".entry")) return;
  const { left, top } = picture.getBoundingClientRect();
  const found = nearest(event.clientX - left, event.clientY - top);
  if (found) choose(found);
});
picture.addEventListener("pointerleave", () => isPaused || choose(null));
picture.addEventListener("click", event => {
  if (chosen && !event.target.closest(".entry")) goToWayOf(chosen);
});
addEventListener("resize", () => shown && draw(shown));

// ---- The connection to the hub.

const ends = {
  4000: "The operator has sent this page away.",
  4001: "This link is not valid (any more). Ask the operator for the new one.",
};
let socket = null, heard = 0, wait = 500;

function connect() {
  const ticket = location.hash.slice(1);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  heard = performance.now();
  socket.onopen = () => socket.send(`threadchat-live 1\nticket ${ticket}`);
  socket.onmessage = ({ data }) => {
    heard = performance.now();
    wait = 500;
    report("");
    if (!isPaused) take(data);
  };
  socket.onclose = ({ code }) => {
    socket = null;
    if (code === 4002) return location.reload();
    if (ends[code]) return report(ends[code]);
    report("The hub cannot be reached. Trying again …");
    forget();
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.6, 5000);
  };
}

function take(text) {
  const frame = parse(text);
  if (!frame.head) return;
  // Another hub, or the same one after a restart.
  if (frames.length && frame.head.now < frames.at(-1).head.now) frames.length = 0;
  follow(frame);
  if (frames.push(frame) > KEPT) frames.shift();
  set($("when"), { max: String(frames.length - 1) });
  $("when").value = String(frames.length - 1);
  if (document.hidden) return;
  draw(frame);
  drawGraph();
  sendOff(frame);
}

function report(text) {
  $("problem").hidden = !text;
  write($("problem"), text);
}

// A hub that stands still closes nothing.
setInterval(() => socket && performance.now() - heard > SILENCE && socket.close(), 1000);

// Each line of the legend is a class of the drawing and what it means.
$("legend").replaceChildren(...$("legend").textContent.trim().split("\n").map(text => {
  const [kind, ...words] = text.split(": ");
  const item = document.createElement("li");
  item.className = kind;
  const sign = element("svg", { class: "timeline" });
  element("rect", { x: 1, y: 1, width: 20, height: 12, rx: 2 }, element("g", { class: kind }, sign));
  item.append(sign, words.join(": "));
  return item;
}));

addEventListener("hashchange", () => location.reload());
report("Connecting to the hub …");
connect();
