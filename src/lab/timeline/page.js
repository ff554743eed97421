// Moves what has been drawn along the time axis: zoom, pan, steps and playing. It draws nothing. Each element says in data-a
// and data-b between which moments it lies: an index in the list of moments, with a fraction between two of them. The axis
// has the place of each moment on both scales.
"use strict";
(() => {
  const root = document.documentElement;
  addEventListener("error", (event) => (root.dataset.error = event.message));

  const get = (id) => document.getElementById(id);
  const axis = JSON.parse(get("axis").textContent);
  const [figure, drawing, view, map, head] = ["figure", "timeline", "view", "map", "head"].map(get);
  const names = Number(view.getAttribute("x"));
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

  const items = [...get("content").querySelectorAll("[data-a]")].map((element) => ({
    element,
    a: Number(element.dataset.a),
    b: Number(element.dataset.b ?? element.dataset.a),
    kind: element.tagName === "line" ? "arrow" : element.dataset.mid ? "middle" : element.dataset.b ? "span" : "point",
    rect: element.querySelector("rect"),
    text: element.querySelector("text"),
    labels: element.querySelector("text")?.dataset.l?.split("|"),
    label: element.querySelector("text")?.textContent,
    y: ["y1", "y2"].map((name) => Number(element.getAttribute(name))),
    flows: element.dataset.m?.split(" ") ?? [],
  }));
  const steps = items.filter((item) => item.element.dataset.n).sort((one, other) => one.element.dataset.n - other.element.dataset.n);
  const rows = [...document.querySelectorAll("tr[data-m]")];

  // The visible part of the scale, and its width in pixels.
  let seen = { scale: "even", from: 0, to: 1, width: 1 };
  let current = -1; // the selected step
  let chosen = []; // the highlighted flows
  let now = 0; // the moment of the play head
  let before = null; // what was visible before printing, while it lasts
  let playing = null; // the time of the last frame while playing

  // Scales.

  const places = () => axis[seen.scale];
  const last = Math.max(0, axis.even.length - 1);

  function placeOn(list, moment) {
    const whole = Math.floor(moment);
    const from = list[whole] ?? 0, to = list[whole + 1] ?? from;
    return from + (to - from) * (moment - whole);
  }
  const place = (moment) => placeOn(places(), moment);

  function momentAt(place) {
    const list = places();
    let low = 0, high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle] <= place) low = middle;
      else high = middle;
    }
    return clamp(low + (place - list[low]) / (list[high] - list[low] || 1), 0, last);
  }

  const x = (moment) => ((place(moment) - seen.from) / (seen.to - seen.from)) * seen.width;

  // Layout.

  function layout() {
    const free = {}; // where free space begins in each row
    const placeLabel = (item, row, from, to) => {
      const fits = from >= (free[row] ?? -Infinity);
      item.element.setAttribute("visibility", fits ? "visible" : "hidden");
      if (fits) free[row] = to;
    };
    for (const item of items) {
      const future = playing !== null && item.a > now;
      const from = x(item.a), to = x(item.b);
      const out = future || Math.max(from, to) < -300 || Math.min(from, to) > seen.width + 300;
      if (out !== item.out) item.element.style.display = out ? "none" : "";
      item.out = out;
      if (out) continue;
      if (item.kind === "span") span(item, from, playing !== null && item.b > now ? x(now) : to);
      else if (item.kind === "arrow") arrow(item, from, to);
      else if (item.kind === "middle") {
        const middle = (from + to) / 2, half = item.rect.getAttribute("width") / 2;
        move(item, middle);
        placeLabel(item, item.rect.getAttribute("y"), middle - half, middle + half);
      } else {
        move(item, from);
        if (item.element.classList.contains("tick")) placeLabel(item, "axis", from < -4 ? NaN : from, from + 96);
      }
    }
    head.setAttribute("x1", x(now));
    head.setAttribute("x2", x(now));
  }

  const move = (item, to) => item.element.setAttribute("transform", `translate(${to.toFixed(1)},0)`);

  function span(item, from, to) {
    // Cut far outside the view: browsers do not draw what is a million pixels wide.
    const left = Math.max(from, -20), right = Math.min(to, seen.width + 20);
    move(item, left);
    item.rect.setAttribute("width", Math.max(1, right - left).toFixed(1));
    if (!item.labels) return;
    const hidden = Math.max(0, -left), space = right - left - hidden - 4;
    item.text.setAttribute("x", 4 + hidden);
    item.text.textContent = before ? item.label : (item.labels.find((label) => label.length * 8 <= space) ?? "");
  }

  function arrow(item, from, to) {
    let [top, bottom] = item.y;
    if (playing !== null && item.b > now) {
      const part = (now - item.a) / (item.b - item.a);
      bottom = top + (bottom - top) * part;
      to = x(now);
    }
    const set = { x1: clamp(from, -1e6, 1e6), x2: clamp(to, -1e6, 1e6), y1: top, y2: bottom };
    for (const [name, value] of Object.entries(set)) item.element.setAttribute(name, value.toFixed(1));
  }

  // The view.

  function show(from, to) {
    const list = places(), all = list[last] - list[0] || 1;
    const least = seen.scale === "even" ? 60 : 200;
    const length = clamp(to - from, least, all * 1.1);
    const middle = clamp((from + to) / 2, list[0], list[last]);
    seen.from = middle - length / 2;
    seen.to = middle + length / 2;
    update();
  }

  function update() {
    layout();
    const [first, final] = [momentAt(seen.from), momentAt(seen.to)];
    const [left, right] = [placeOn(axis.even, first), placeOn(axis.even, final)];
    get("window").setAttribute("x", left);
    get("window").setAttribute("width", Math.max(1, right - left));
    get("shown").textContent = `in view: ${lengthOf(placeOn(axis.true, final) - placeOn(axis.true, first))}`;
  }

  function lengthOf(nanos) {
    const [value, unit] = nanos < 1e3 ? [Math.round(nanos), "ns"] : nanos < 1e6 ? [nanos / 1e3, "µs"] : nanos < 1e9 ? [nanos / 1e6, "ms"] : [nanos / 1e9, "s"];
    return `${Number(value.toPrecision(3))} ${unit}`;
  }

  // What the keys and the buttons zoom at: the selected step if it is in view.
  function focus() {
    const at = current < 0 ? -1 : x(steps[current].a);
    return at >= 0 && at <= seen.width ? at : seen.width / 2;
  }

  const zoom = (by, at = focus()) => {
    const fixed = seen.from + (at / seen.width) * (seen.to - seen.from);
    show(fixed - (fixed - seen.from) * by, fixed + (seen.to - fixed) * by);
  };
  const pan = (pixels) => {
    const by = (pixels / seen.width) * (seen.to - seen.from);
    show(seen.from + by, seen.to + by);
  };
  const fit = () => show(places()[0] - 0.03 * (places()[last] - places()[0]), places()[last] * 1.03);
  // The size in which it was drawn, from this moment on.
  const natural = (moment) => {
    setScale("even");
    show(place(moment) - 40, place(moment) - 40 + seen.width);
  };

  /** Pans if the moment is outside the view or near its border. */
  function follow(moment, low = 0.05, high = 0.8, to = 0.3) {
    const at = x(moment) / seen.width;
    if (at < low || at > high) pan((at - to) * seen.width);
  }

  function setScale(scale) {
    if (scale === seen.scale) return;
    // Keep the same moments in view.
    const [from, to] = [momentAt(seen.from), momentAt(seen.to)];
    seen.scale = scale;
    get("even").setAttribute("aria-pressed", scale === "even");
    get("true").setAttribute("aria-pressed", scale === "true");
    fillSpeeds();
    show(place(from), place(to));
    if (current >= 0) follow(steps[current].a);
  }

  function resize() {
    const width = Math.max(200, get("frame").clientWidth - names);
    const height = Number(get("helpers").checked ? drawing.dataset.full : drawing.dataset.height);
    for (const [name, value] of [["width", width + names], ["height", height], ["viewBox", `0 0 ${width + names} ${height}`]]) drawing.setAttribute(name, value);
    view.setAttribute("width", width);
    view.setAttribute("height", height);
    seen.to = seen.from + (seen.to - seen.from) * (width / seen.width);
    seen.width = width;
    update();
  }

  // Details.

  function showDetails(item) {
    const title = item?.element.querySelector("title")?.textContent ?? "";
    const [who, what, when] = title.split("\n");
    const parts = [["b", who], ["", what], ["span", when]].filter((part) => part[1]);
    get("details").replaceChildren(...parts.map(([tag, text]) => {
      const element = tag ? document.createElement(tag) : document.createTextNode(text);
      element.textContent = text;
      return element;
    }));
  }

  function highlight(flows) {
    drawing.classList.toggle("chosen", flows.length > 0);
    for (const item of items) item.element.classList.toggle("lit", item.flows.some((flow) => flows.includes(flow)));
    for (const row of rows) row.classList.toggle("lit", flows.includes(row.dataset.m));
  }

  function choose(flows) {
    chosen = flows;
    highlight(flows);
  }

  function go(step, andFollow = true) {
    if (!steps.length) return;
    steps[current]?.element.classList.remove("current");
    current = clamp(step, 0, steps.length - 1);
    steps[current].element.classList.add("current");
    root.dataset.step = current;
    showDetails(steps[current]);
    if (!andFollow) return;
    now = steps[current].a;
    follow(now);
    layout();
  }

  /** The last step that has begun. */
  function stepAt(moment) {
    const next = steps.findIndex((step) => step.a > moment);
    return (next < 0 ? steps.length : next) - 1;
  }

  // With the messages that a hub has made of it.
  const together = (flow) => rows.find((row) => row.dataset.m === flow)?.dataset.with?.split(" ") ?? [flow];

  function chooseFlow(flow) {
    const flows = together(flow);
    const first = steps.findIndex((step) => step.flows.some((one) => flows.includes(one)));
    choose(flows);
    if (first < 0) return;
    go(first);
    follow(now, 0.02, 0.1, 0.06);
  }

  // Playing.

  function play(on = playing === null) {
    if (on === (playing !== null)) return;
    playing = on ? performance.now() : null;
    get("play").textContent = on ? "❚❚ Pause" : "▶ Play";
    get("play").setAttribute("aria-pressed", on);
    if (on) {
      if (now >= last) now = 0;
      requestAnimationFrame(frame);
    } else layout();
  }

  function frame(time) {
    if (playing === null) return;
    const seconds = Math.max(0, time - playing) / 1000, speed = Number(get("speed").value);
    playing = time;
    // Moments per second on the even scale, a fraction of real time on the true one.
    now = seen.scale === "even" ? now + seconds * speed : momentAt(place(now) + seconds * 1e9 * speed);
    now = Math.min(now, last);
    const step = stepAt(now);
    if (step >= 0 && step !== current) go(step, false);
    follow(now, 0, 0.6, 0.6);
    layout();
    if (now >= last) play(false);
    else requestAnimationFrame(frame);
  }

  function fillSpeeds() {
    const even = [[1, "1 moment/s"], [3, "3 moments/s"], [10, "10 moments/s"], [40, "40 moments/s"]];
    const real = [[1e-6, "×1/1000000"], [1e-5, "×1/100000"], [1e-4, "×1/10000"], [1e-3, "×1/1000"], [1e-2, "×1/100"], [0.1, "×1/10"], [1, "×1"]];
    const [speeds, first] = seen.scale === "even" ? [even, 3] : [real, 1e-4];
    get("speed").replaceChildren(...speeds.map(([value, text]) => new Option(text, value, value === first, value === first)));
  }

  // Input.

  const keys = {
    ArrowRight: () => go(current + 1),
    ArrowLeft: () => go(current - 1),
    Home: () => go(0),
    End: () => go(steps.length - 1),
    "+": () => zoom(1 / 1.4),
    "=": () => zoom(1 / 1.4),
    "-": () => zoom(1.4),
    0: fit,
    1: () => natural(now),
    s: () => setScale(seen.scale === "even" ? "true" : "even"),
    " ": () => play(),
    Escape: () => choose([]),
  };

  figure.addEventListener("keydown", (event) => {
    const target = event.target.tagName;
    // A focused control keeps the keys it needs.
    const isTaken = target === "SELECT" || target === "INPUT" || (target === "BUTTON" && event.key === " ");
    if (event.ctrlKey || event.altKey || event.metaKey || isTaken || !keys[event.key]) return;
    event.preventDefault();
    if (event.key.startsWith("Arrow")) play(false);
    keys[event.key]();
  });

  const clicks = {
    back: () => (play(false), go(current - 1)),
    forth: () => (play(false), go(current + 1)),
    play: () => play(),
    closer: () => zoom(1 / 1.4),
    farther: () => zoom(1.4),
    fit,
    natural: () => natural(now),
    even: () => setScale("even"),
    true: () => setScale("true"),
    theme: () => setTheme(isDark() ? "light" : "dark"),
  };
  for (const [id, does] of Object.entries(clicks)) get(id).addEventListener("click", does);
  get("helpers").addEventListener("change", resize);

  const isDark = () => (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  function setTheme(theme) {
    root.style.colorScheme = theme;
  }

  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan(event.deltaX || event.deltaY);
    zoom(Math.exp(clamp(event.deltaY, -200, 200) / 400), event.clientX - view.getBoundingClientRect().left);
  }, { passive: false });

  // One pointer pans, two zoom.
  const held = new Map(); // the x of each pointer
  let moved = 0; // the distance since the first one went down
  const apart = () => [...held.values()].reduce((one, other) => Math.max(1, Math.abs(one - other)));
  const middle = () => [...held.values()].reduce((one, other) => (one + other) / 2) - view.getBoundingClientRect().left;
  view.addEventListener("pointerdown", (event) => {
    if (held.size === 0) moved = 0;
    if (held.size < 2) held.set(event.pointerId, event.clientX);
  });
  addEventListener("pointermove", (event) => {
    if (event.buttons === 0) held.delete(event.pointerId);
    if (!held.has(event.pointerId)) return;
    const [by, before] = [held.get(event.pointerId) - event.clientX, apart()];
    held.set(event.pointerId, event.clientX);
    moved += Math.abs(by);
    if (held.size === 1) pan(by);
    else zoom(before / apart(), middle());
  });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => held.delete(event.pointerId));
  view.addEventListener("click", (event) => {
    const item = itemOf(event.target);
    if (moved > 4) return;
    choose((item?.flows ?? []).flatMap(together));
    if (item?.element.dataset.n) go(Number(item.element.dataset.n));
  });

  const byElement = new Map(items.map((item) => [item.element, item]));
  const itemOf = (element) => byElement.get(element.closest("[data-a]"));
  view.addEventListener("pointerover", (event) => {
    const item = itemOf(event.target);
    if (!item || (held.size > 0 && moved > 4)) return;
    showDetails(item);
    highlight(item.flows.length ? item.flows.flatMap(together) : chosen);
  });
  view.addEventListener("pointerleave", () => {
    highlight(chosen);
    showDetails(steps[current]);
  });

  const seek = (event) => {
    if (event.type === "pointermove" && event.buttons === 0) return;
    const box = map.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * axis.even[last];
    let low = axis.even.findIndex((place) => place >= at);
    if (low < 0) low = last;
    const half = (seen.to - seen.from) / 2;
    show(place(low) - half, place(low) + half);
  };
  map.addEventListener("pointerdown", seek);
  map.addEventListener("pointermove", seek);

  for (const row of rows) {
    row.tabIndex = 0;
    const does = () => {
      chooseFlow(row.dataset.m);
      figure.scrollIntoView({ block: "start" });
      figure.focus({ preventScroll: true });
    };
    row.addEventListener("click", does);
    row.addEventListener("keydown", (event) => event.key === "Enter" && does());
  }

  // The printed rows are copies of the drawing in its original state.
  const copies = document.createElement("div");
  addEventListener("beforeprint", () => {
    play(false);
    before = seen;
    seen = { scale: "even", from: 0, to: axis.even[last] || 1, width: axis.even[last] || 1 };
    layout();
    copies.innerHTML = get("print").textContent;
    document.body.append(copies);
  });
  addEventListener("afterprint", () => {
    copies.remove();
    seen = before ?? seen;
    before = null;
    update();
  });

  // page.html#step=3&theme=dark&scale=true&message=2&zoom=4&helpers=1&fit=1&play=1: links to a place.
  function obey() {
    const wants = new URLSearchParams(location.hash.slice(1));
    const number = (name) => (wants.has(name) && Number.isFinite(Number(wants.get(name))) ? Number(wants.get(name)) : null);
    if (["light", "dark"].includes(wants.get("theme"))) setTheme(wants.get("theme"));
    if (number("helpers") !== null) get("helpers").checked = number("helpers") > 0;
    resize();
    if (wants.has("fit")) fit();
    if (number("step") !== null) go(number("step"));
    if (number("message") !== null) chooseFlow(String(number("message") - 1));
    if (["even", "true"].includes(wants.get("scale"))) setScale(wants.get("scale"));
    if (number("zoom") > 0) {
      zoom(1 / number("zoom"), x(now));
      follow(now, 0.1);
    }
    if (wants.has("play")) play(true);
  }

  root.classList.add("moves");
  fillSpeeds();
  resize();
  // Start at the first message, with all of it in view if it can still be read then.
  const first = Math.max(0, steps.findIndex((step) => step.flows.length));
  const final = steps.findLast((step) => step.flows.includes(steps[first]?.flows[0]));
  natural(steps[first]?.a ?? 0);
  go(first);
  if (final) {
    const [from, to] = [place(steps[first].a) - 40, place(final.b) + 40];
    if (to > seen.to && to - from < 1.5 * seen.width) show(from, Math.max(to, from + seen.width));
  }
  obey();
  addEventListener("resize", resize);
  addEventListener("hashchange", obey);
  figure.focus({ preventScroll: true });
  root.dataset.ready = items.length;
})();
