// One pair of photographs with its matches, as SVG over the two pictures.
"use strict";

(() => {
  const HEIGHT = 480, GAP = 16, NARROW = 600;
  let pair = null;

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // What a match is: an outlier of the geometric check, in the background, or neither.
  function classOf([, , , inlier, on]) {
    if (pair.checked && !inlier) return "outliers";
    return on === 0 ? "background" : "inliers";
  }
  const NAMES = { inliers: "match", outliers: "outlier: agrees with no common geometry", background: "match with an end in the background" };

  const pressed = (layer) => document.querySelector(`[data-layer="${layer}"]`).getAttribute("aria-pressed") === "true";

  // Where each photograph lies in the drawing, and how much it is scaled: beside each other, or stacked where it is narrow.
  function layout() {
    const stacked = document.getElementById("drawing").clientWidth < NARROW;
    const scales = pair.sides.map(({ size }) => (stacked ? 640 / size[0] : HEIGHT / size[1]));
    const boxes = pair.sides.map(({ size }, side) => ({ width: size[0] * scales[side], height: size[1] * scales[side], scale: scales[side] }));
    boxes[0].x = boxes[0].y = 0;
    boxes[1].x = stacked ? 0 : boxes[0].width + GAP;
    boxes[1].y = stacked ? boxes[0].height + GAP : 0;
    return boxes;
  }

  function draw() {
    const boxes = layout(), place = (side, point) => [boxes[side].x + point[0] * boxes[side].scale, boxes[side].y + point[1] * boxes[side].scale];
    const width = Math.max(boxes[0].width, boxes[1].x + boxes[1].width), height = Math.max(boxes[0].height, boxes[1].y + boxes[1].height);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${pair.sides[0].id} and ${pair.sides[1].id}: ${pair.words}` });
    pair.sides.forEach((side, number) => {
      const { x, y, width: w, height: h } = boxes[number];
      root.append(svg("rect", { x, y, width: w, height: h, class: "ground" }));
      if (side.photo) root.append(svg("image", { x, y, width: w, height: h, href: reid.root() + side.photo, preserveAspectRatio: "none" }));
    });
    const most = Math.round((pair.matches.length * document.getElementById("strongest").value) / 100);
    const chosen = pair.matches.slice(0, most).filter((match) => pressed(classOf(match)));
    if (pressed("points")) {
      const met = [new Set(pair.matches.map((m) => m[0])), new Set(pair.matches.map((m) => m[1]))];
      pair.sides.forEach((side, number) => side.points.forEach((point, i) => {
        if (met[number].has(i)) return;
        const [cx, cy] = place(number, point);
        root.append(svg("circle", { cx, cy, r: 2, class: "point" }));
      }));
    }
    for (const match of chosen) {
      const [x1, y1] = place(0, pair.sides[0].points[match[0]]), [x2, y2] = place(1, pair.sides[1].points[match[1]]);
      const name = classOf(match);
      root.append(svg("line", { x1, y1, x2, y2, class: `halo` }), svg("line", { x1, y1, x2, y2, class: `line ${name}` }));
      for (const [cx, cy] of [[x1, y1], [x2, y2]]) root.append(svg("circle", { cx, cy, r: 3, class: `end ${name}` }));
    }
    document.getElementById("drawing").replaceChildren(root);
    document.getElementById("drawing").dataset.lines = chosen.length;
  }

  function legend() {
    const there = new Set(pair.matches.map(classOf));
    const items = Object.entries(NAMES).filter(([name]) => there.has(name)).map(([name, text]) => {
      const sample = svg("svg", { width: 40, height: 10, "aria-hidden": "true" }, svg("line", { x1: 0, y1: 5, x2: 40, y2: 5, class: `line ${name}` }));
      return reid.make("li", {}, sample, ` ${text} (${pair.matches.filter((match) => classOf(match) === name).length})`);
    });
    const notes = [];
    if (!pair.checked) notes.push("The matcher was asked for no geometric check.");
    if (pair.matches.every((match) => match[4] === null)) notes.push("There is no mask: what is background is not known.");
    if (pair.sides.some((side) => !side.photo)) notes.push("A photograph is not shown: there are too many, or it cannot be read.");
    document.getElementById("legend").replaceChildren(...items, ...notes.map((note) => reid.make("li", { class: "note" }, note)));
  }

  function table() {
    const number = (value) => reid.make("td", { class: "number" }, String(value));
    const rows = pair.matches.map((match) => {
      const [a, b] = [pair.sides[0].points[match[0]], pair.sides[1].points[match[1]]];
      return reid.make("tr", {}, ...[...a, ...b, match[2]].map(number), reid.make("td", {}, NAMES[classOf(match)]));
    });
    document.querySelector("#matches tbody").replaceChildren(...rows);
  }

  const rows = () => [...document.querySelectorAll("#pairs tbody tr")].filter((row) => !row.hidden);

  async function show() {
    const name = reid.settings().get("pair");
    const row = document.querySelector(`#pairs tr[data-pair="${CSS.escape(name || "")}"]`) || rows()[0];
    if (!row) return;
    pair = await reid.load(row.dataset.path);
    document.querySelectorAll("#pairs tr.marked").forEach((other) => other.classList.remove("marked"));
    row.classList.add("marked");
    const [one, other] = pair.sides;
    const same = one.identity === other.identity ? "the same individual" : `two individuals`;
    document.getElementById("words").textContent = `Query ${one.id} (${one.identity}) and gallery image ${other.id} (${other.identity}), ${same}: ${pair.words}`;
    draw();
    legend();
    table();
    document.getElementById("drawing").dataset.pair = row.dataset.pair;
  }

  function step(by) {
    const list = rows(), now = list.findIndex((row) => row.classList.contains("marked"));
    const next = list[(now + by + list.length) % list.length];
    const settings = reid.settings();
    settings.set("pair", next.dataset.pair);
    reid.settle(settings);
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.getElementById("drawing")) return;
    for (const button of document.querySelectorAll("[data-layer]")) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(!pressed(button.dataset.layer)));
        draw();
      });
    }
    for (const button of document.querySelectorAll(".drawn [data-step]")) button.addEventListener("click", () => step(Number(button.dataset.step)));
    document.getElementById("strongest").addEventListener("input", draw);
    addEventListener("hashchange", async () => {
      await show();
      document.querySelector(".drawn").scrollIntoView();
    });
    addEventListener("resize", () => pair && draw());
    show();
  });
})();
