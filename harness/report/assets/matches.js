// One pair of photographs with its matches, as SVG over the two pictures.
"use strict";

(() => {
  const HEIGHT = 480, WIDTH = 640, GAP = 16, NARROW = 600, TALL = 0.8;
  const CLASSES = ["match", "background", "outlier"]; // a data file names a class by its place here
  const NAMES = { match: "match", background: "match with an end in the background", outlier: "outlier: agrees with no common geometry" };
  const element = (name) => document.getElementById(name);
  let pair = null, asked = 0;

  function svg(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const classOf = (match) => CLASSES[match[3]];
  const layer = (name) => document.querySelector(`[data-layer="${name}"]`);
  const pressed = (name) => layer(name).getAttribute("aria-pressed") === "true";

  // Where each photograph lies in the drawing, and how much it is scaled: beside each other, or stacked where the page
  // is narrow or both are long.
  function layout() {
    const sizes = pair.sides.map(({ size }) => size);
    const beside = sizes.reduce((sum, [width, height]) => sum + (HEIGHT * width) / height, GAP);
    const stacked = element("drawing").clientWidth < NARROW || beside > 4.5 * HEIGHT;
    const boxes = sizes.map(([width, height]) => {
      const scale = stacked ? Math.min(WIDTH / width, WIDTH / height) : HEIGHT / height;
      return { x: 0, y: 0, width: width * scale, height: height * scale, scale };
    });
    if (stacked) boxes[1].y = boxes[0].height + GAP;
    else boxes[1].x = boxes[0].width + GAP;
    const width = Math.max(boxes[0].width, boxes[1].x + boxes[1].width), height = Math.max(boxes[0].height, boxes[1].y + boxes[1].height);
    return { boxes, width, height };
  }

  function draw() {
    const { boxes, width, height } = layout();
    // A point is as large on a phone as on a desk: so many units of the drawing are a pixel of the screen.
    // A window may be of no size for a moment, while it is opened or printed.
    const unit = Math.max(width / (element("drawing").clientWidth || width), height / (TALL * (innerHeight || height)));
    const place = (side, [x, y]) => [boxes[side].x + x * boxes[side].scale, boxes[side].y + y * boxes[side].scale];
    const label = `Two photographs with lines between matching keypoints, ${pair.sides[0].id} and ${pair.sides[1].id}: ${pair.words}`;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    pair.sides.forEach((side, number) => {
      const { x, y, width: w, height: h } = boxes[number];
      root.append(svg("rect", { x, y, width: w, height: h, class: "ground" }));
      if (side.photo) root.append(svg("image", { x, y, width: w, height: h, href: reid.root() + side.photo, preserveAspectRatio: "none" }));
    });
    if (pressed("points")) root.append(...unmatched(place, unit));
    const most = Math.round((pair.matches.length * element("strongest").value) / 100);
    const chosen = pair.matches.slice(0, most).filter((match) => pressed(classOf(match)));
    for (const match of [...chosen].reverse()) root.append(...line(match, place, unit)); // the strongest on top
    element("strength").textContent = `${most} of ${pair.matches.length}`;
    element("drawing").replaceChildren(root);
    element("drawing").dataset.lines = chosen.length;
  }

  function unmatched(place, unit) {
    const met = [0, 1].map((side) => new Set(pair.matches.map((match) => match[side])));
    return pair.sides.flatMap((side, number) => side.points.flatMap((point, i) => {
      if (met[number].has(i)) return [];
      const [cx, cy] = place(number, point);
      return [svg("circle", { cx, cy, r: 2.5 * unit, class: "point halo" }), svg("circle", { cx, cy, r: 2.5 * unit, class: "point" })];
    }));
  }

  function line(match, place, unit) {
    const name = classOf(match), ends = [0, 1].map((side) => place(side, pair.sides[side].points[match[side]]));
    const [[x1, y1], [x2, y2]] = ends;
    const lines = [`halo ${name}`, `line ${name}`].map((kind) => svg("line", { x1, y1, x2, y2, class: kind }));
    return [...lines, ...ends.map(([cx, cy]) => svg("circle", { cx, cy, r: 3 * unit, class: `end ${name}` }))];
  }

  function legend() {
    const items = CLASSES.filter((name) => pair.matches.some((match) => classOf(match) === name)).map((name) => {
      const sample = svg("svg", { width: 44, height: 14, "aria-hidden": "true" }, svg("rect", { width: 44, height: 14 }), svg("line", { x1: 4, y1: 7, x2: 40, y2: 7, class: `line ${name}` }));
      return reid.make("li", {}, sample, ` ${NAMES[name]} (${pair.matches.filter((match) => classOf(match) === name).length})`);
    });
    element("legend").replaceChildren(...items, ...notes().map((note) => reid.make("li", { class: "note" }, note)));
    // What cannot be told apart cannot be hidden either.
    layer("outlier").disabled = !pair.checked;
    layer("background").disabled = !pair.masked;
  }

  function notes() {
    const told = [];
    if (!pair.checked) told.push("The matcher was asked for no geometric check.");
    if (!pair.masked) told.push("There is no mask: what is background is not known.");
    if (pair.sides.some((side) => !side.photo)) told.push("A photograph is not shown: there are too many, or it cannot be read.");
    if (pair.stored !== null && pair.stored !== pair.matches.length) told.push(`The run counted ${pair.stored} matches; another version of the matcher, or another machine, finds ${pair.matches.length}.`);
    return told;
  }

  function table() {
    const number = (value) => reid.make("td", { class: "number" }, String(value));
    const rows = pair.matches.map((match) => {
      const [a, b] = [0, 1].map((side) => pair.sides[side].points[match[side]]);
      return reid.make("tr", {}, ...[...a, ...b, match[2]].map(number), reid.make("td", {}, NAMES[classOf(match)]));
    });
    document.querySelector("#matches tbody").replaceChildren(...rows);
  }

  const shown = () => [...document.querySelectorAll("#pairs tbody tr")].filter((row) => !row.hidden);
  const marked = () => document.querySelector("#pairs tr.marked");

  // Draw the pair that the address names, else the first of the list.
  async function show() {
    const name = reid.settings().get("pair"), turn = ++asked;
    const row = name ? document.querySelector(`#pairs tr[data-pair="${CSS.escape(name)}"]`) : shown()[0] || document.querySelector("#pairs tbody tr");
    if (!row) return nothing(`The pair ${name} is none of those that are drawn.`);
    try {
      const loaded = await reid.load(row.dataset.path);
      if (turn !== asked) return; // another pair has been asked for meanwhile
      pair = loaded;
    } catch (error) {
      return nothing(`The pair cannot be drawn: ${error.message}.`);
    }
    mark(row);
    const [one, other] = pair.sides;
    const same = one.identity === other.identity ? "the same individual" : "two individuals";
    element("words").textContent = `Query ${one.id} (${one.identity}) and gallery image ${other.id} (${other.identity}), ${same}: ${pair.words}`;
    legend();
    draw();
    table();
    element("drawing").dataset.pair = row.dataset.pair;
  }

  function nothing(why) {
    pair = null;
    mark(null);
    element("words").textContent = why;
    for (const name of ["drawing", "legend", "strength"]) element(name).replaceChildren();
    document.querySelector("#matches tbody").replaceChildren();
  }

  function mark(row) {
    for (const other of document.querySelectorAll("#pairs tr.marked")) {
      other.classList.remove("marked");
      other.removeAttribute("aria-current");
    }
    row?.classList.add("marked");
    row?.setAttribute("aria-current", "true");
  }

  // Name a pair in the address, beside the filters that are there, and draw it.
  function choose(name) {
    const settings = reid.settings();
    settings.set("pair", name);
    reid.settle(settings);
    return show();
  }

  function step(by) {
    const rows = shown(), now = rows.indexOf(marked());
    if (!rows.length) return;
    const next = now < 0 ? (by > 0 ? 0 : rows.length - 1) : (now + by + rows.length) % rows.length;
    choose(rows[next].dataset.pair);
  }

  function look() {
    element("drawn-title").scrollIntoView();
    element("drawn-title").focus({ preventScroll: true });
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!element("drawing")) return;
    const redraw = () => pair && draw();
    for (const button of document.querySelectorAll("[data-layer]")) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(!pressed(button.dataset.layer)));
        redraw();
      });
    }
    for (const button of document.querySelectorAll(".drawn [data-step]")) button.addEventListener("click", () => step(Number(button.dataset.step)));
    element("strongest").addEventListener("input", redraw);
    element("pairs").addEventListener("click", (event) => {
      const row = event.target.closest('a[href^="#pair="]')?.closest("tr");
      if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      choose(row.dataset.pair).then(look);
    });
    addEventListener("hashchange", () => show().then(look));
    addEventListener("resize", redraw);
    show();
  });
})();
