// Known or new at a threshold that can be moved. BAKS and BAUS are counted as the harness counts them: a test holds it.
"use strict";

(() => {
  const STEPS = 1000, LISTED = 20, OWN = ["score", "threshold", "rule"];
  const CURVES = { roc: ["new", "known"], oscr: ["new", "right"], "baks-baus": ["baus", "baks"] };
  const views = {};
  let data, asked, outcome, people, score, chosen = -1, falling = [], low = 0, high = 1, threshold = 0;

  const form = () => document.getElementById("choice");
  const figure = (name) => document.getElementById(name);
  const known = (q) => asked.known[q] === "1";
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  // A query is kept, said to be known, where its confidence reaches the threshold.
  function kind(q) {
    const kept = score.confidence[q] >= threshold;
    if (!known(q)) return kept ? "accepted" : "refused";
    return kept ? (outcome.hits[q] === 1 ? "right" : "misnamed") : "rejected";
  }

  // The individual of each query as a number, known and new ones apart, and how many queries each of them has.
  function grouped() {
    const numbers = new Map(), sides = [], sizes = [];
    const of = asked.id.map((_, q) => {
      const name = `${asked.known[q]} ${asked.identity[q]}`;
      if (!numbers.has(name)) {
        numbers.set(name, numbers.size);
        sides.push(known(q));
        sizes.push(0);
      }
      const number = numbers.get(name);
      sizes[number]++;
      return number;
    });
    return { of, sides, sizes };
  }

  // Everything at the threshold.
  function counted() {
    const count = { right: 0, misnamed: 0, rejected: 0, accepted: 0, refused: 0 };
    const right = new Array(people.sizes.length).fill(0);
    for (let q = 0; q < asked.id.length; q++) {
      const found = kind(q);
      count[found]++;
      if (found === "right" || found === "refused") right[people.of[q]]++;
    }
    const mean = (side) => {
      const shares = people.sizes.map((size, number) => right[number] / size).filter((_, number) => people.sides[number] === side);
      return shares.length ? sum(shares) / shares.length : null;
    };
    const [baks, baus] = [mean(true), mean(false)];
    return { ...count, baks, baus, mean: baks === null || baus === null ? null : Math.sqrt(baks * baus) };
  }

  // Errors of a kind, in the order of the queries given.
  function list(name, queries, count) {
    const place = document.getElementById(name);
    if (!place) return;
    const items = [];
    for (const q of queries) {
      if (items.length === Math.min(LISTED, count)) break;
      if (kind(q) !== name) continue;
      const link = data.queries && reid.make("a", { href: `${reid.root()}${encodeURI(data.queries)}#query=${q}` }, asked.id[q]);
      const text = ` (${asked.identities[asked.identity[q]]}), ${Number(score.confidence[q].toPrecision(4))}`;
      items.push(reid.make("li", { class: "id" }, link || asked.id[q], text));
    }
    if (count > items.length) items.push(reid.make("li", {}, `and ${count - items.length} more`));
    place.replaceChildren(...(items.length ? items : [reid.make("li", {}, "none")]));
  }

  // Where the threshold stands in each chart, in per cent on a curve.
  function places(found) {
    const knowns = found.right + found.misnamed + found.rejected, news = found.accepted + found.refused;
    const x = (100 * found.accepted) / news;
    return {
      density: { threshold },
      roc: { x, y: (100 * (found.right + found.misnamed)) / knowns },
      oscr: { x, y: (100 * found.right) / knowns },
      "baks-baus": { x: 100 * found.baus, y: 100 * found.baks },
    };
  }

  function show() {
    const found = counted();
    for (const place of document.querySelectorAll("[data-number]")) {
      const value = found[place.dataset.number], share = ["baks", "baus", "mean"].includes(place.dataset.number);
      place.textContent = share ? `${reid.percent(value)} %` : String(value);
      place.dataset.value = value;
    }
    form().elements.number.value = Number(threshold.toPrecision(6)); // shown short, kept exact
    form().elements.range.value = Math.round((STEPS * (threshold - low)) / (high - low));
    form().elements.range.setAttribute("aria-valuetext", threshold.toPrecision(4));
    for (const [name, place] of Object.entries(places(found))) views[name]?.data("chosen", [place]).runAsync();
    list("accepted", falling, found.accepted);
    list("misnamed", falling, found.misnamed);
    list("rejected", [...falling].reverse(), found.rejected);
    document.getElementById("numbers").dataset.threshold = threshold;
  }

  function move(to, rule = "") {
    threshold = to;
    for (const button of document.querySelectorAll("#rule-buttons button")) button.setAttribute("aria-pressed", String(button.dataset.rule === rule));
    for (const row of document.querySelectorAll("#rules tr[data-rule]")) row.classList.toggle("marked", row.dataset.rule === rule);
    const settings = reid.settings();
    for (const name of [...OWN, "main"]) settings.delete(name); // "main" is left by the link that skips to the content
    if (rule) settings.set("rule", rule);
    else {
      settings.set("score", form().elements.score.value);
      settings.set("threshold", threshold);
    }
    reid.settle(settings);
    show();
  }

  // Where a rule said no query was known its threshold lies above all of them.
  const moveTo = (rule) => move(rule.threshold === null ? high : rule.threshold, rule.cell);

  // What the charts draw of the score.
  function drawn() {
    const rows = (xs, ys) => xs.map((x, i) => ({ i, x: 100 * x, y: 100 * ys[i] }));
    const { points, reliability } = score, queries = reliability.queries;
    const curves = Object.entries(CURVES).map(([name, [x, y]]) => [name, rows(points[x], points[y])]);
    const bins = rows(reliability.stated, reliability.known).map((row, i) => ({ ...row, queries: queries[i] }));
    return { density: score.density, ...Object.fromEntries(curves), reliability: bins };
  }

  async function draw() {
    for (const [name, rows] of Object.entries(drawn())) {
      if (!figure(name)) continue; // nobody known, or nobody new, was asked
      if (views[name]) views[name].data("rows", rows).resize().runAsync();
      else views[name] = await reid.draw(figure(name), rows, { chosen: [{ threshold: low, x: 0, y: 0 }] });
    }
  }

  function offer(rules) {
    const buttons = rules.map((rule) => {
      const button = reid.make("button", { type: "button", "aria-pressed": "false", "data-rule": rule.cell }, rule.label);
      button.addEventListener("click", () => moveTo(rule));
      return button;
    });
    document.getElementById("rule-buttons").replaceChildren(reid.make("span", { class: "note" }, "thresholds of the rules:"), ...buttons);
  }

  // Shows a score; whether it is still the one that is wanted when its data has come.
  async function choose(number) {
    form().elements.score.value = number;
    if (number === chosen) return true;
    chosen = number;
    const loaded = await reid.load(data.scores[number].path);
    if (chosen !== number) return false;
    score = loaded;
    falling = asked.id.map((_, q) => q).sort((a, b) => score.confidence[b] - score.confidence[a]);
    const [most, least] = [falling[0], falling.at(-1)].map((q) => score.confidence[q]);
    const margin = (most - least || 1) / 50;
    [low, high] = [least - margin, most + margin];
    offer(data.scores[number].rules);
    for (const place of document.querySelectorAll("[data-area]")) place.textContent = data.scores[number].areas[place.dataset.area];
    return true;
  }

  // What the address asks for: a rule, or a score with a threshold; else the best rule.
  async function open() {
    const settings = reid.settings(), wanted = settings.get("rule");
    const has = (each) => each.rules.some((rule) => rule.cell === wanted);
    const asks = wanted ? data.scores.findIndex(has) : Number(settings.get("score"));
    const number = data.scores[asks] ? asks : 0;
    if (!(await choose(number))) return;
    await draw();
    const rules = data.scores[number].rules, at = parseFloat(settings.get("threshold"));
    if (!wanted && Number.isFinite(at)) move(at);
    else moveTo(rules.find((rule) => rule.cell === wanted) || rules[0]);
  }

  async function change(number) {
    if (!(await choose(number))) return;
    await draw();
    moveTo(data.scores[number].rules[0]);
  }

  function listen() {
    const { range, number, score: select } = form().elements;
    form().addEventListener("submit", (event) => event.preventDefault());
    range.addEventListener("input", () => move(low + ((high - low) * range.value) / STEPS));
    number.addEventListener("change", () => Number.isFinite(number.valueAsNumber) && move(number.valueAsNumber));
    select.addEventListener("input", () => change(Number(select.value)));
    // another address, as of a rule in the table; not that of the link that skips to the content
    addEventListener("hashchange", () => OWN.some((name) => reid.settings().has(name)) && open());
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const inline = document.getElementById("openset-data");
    if (!inline) return;
    data = JSON.parse(inline.textContent);
    [asked, outcome] = await Promise.all([reid.load(data.asked), reid.load(data.outcome)]);
    people = grouped();
    await open();
    listen(); // every chart has been drawn, so that from here on a change only hands it other data
    document.body.dataset.ready = "true";
  });
})();
