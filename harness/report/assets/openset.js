// Known or new at a threshold that can be moved. BAKS and BAUS are counted as the harness counts them: a test holds it.
"use strict";

(() => {
  const STEPS = 1000, LISTED = 20;
  let data, asked, outcome, score, views = {}, low = 0, high = 1, threshold = 0;

  const form = () => document.getElementById("choice");
  const known = (q) => asked.known[q] === "1";

  // Everything at a threshold: a query is kept, said to be known, where its confidence reaches it.
  function counted(at) {
    const count = { right: 0, misnamed: 0, rejected: 0, accepted: 0, refused: 0 };
    const people = new Map(); // individual -> [queries, those that are right], known and new apart
    for (let q = 0; q < asked.id.length; q++) {
      const kept = score.confidence[q] >= at, hit = outcome.hits[q] === 1;
      const kind = known(q) ? (kept ? (hit ? "right" : "misnamed") : "rejected") : kept ? "accepted" : "refused";
      count[kind]++;
      const name = `${asked.known[q]} ${asked.identity[q]}`;
      const own = people.get(name) || people.set(name, [0, 0]).get(name);
      own[0]++;
      own[1] += kind === "right" || kind === "refused" ? 1 : 0;
    }
    const mean = (side) => {
      const shares = [...people].filter(([name]) => name[0] === side).map(([, [all, right]]) => right / all);
      return shares.length ? shares.reduce((sum, share) => sum + share, 0) / shares.length : null;
    };
    const [baks, baus] = [mean("1"), mean("0")];
    return { ...count, baks, baus, mean: baks === null || baus === null ? null : Math.sqrt(baks * baus) };
  }

  function share(kind, side) {
    let all = 0, kept = 0;
    for (let q = 0; q < asked.id.length; q++) {
      if (known(q) !== side) continue;
      all++;
      kept += score.confidence[q] >= threshold && (kind !== "right" || outcome.hits[q] === 1) ? 1 : 0;
    }
    return all ? (100 * kept) / all : 0;
  }

  function list(id, wanted, order) {
    const queries = asked.id.map((_, q) => q).filter(wanted).sort((a, b) => order * (score.confidence[b] - score.confidence[a]));
    const items = queries.slice(0, LISTED).map((q) => {
      const text = `${asked.id[q]} (${asked.identities[asked.identity[q]]}), ${Number(score.confidence[q].toPrecision(4))}`;
      return reid.make("li", { class: "id" }, data.queries ? reid.make("a", { href: `${reid.root()}${encodeURI(data.queries)}#query=${q}` }, text) : text);
    });
    if (queries.length > LISTED) items.push(reid.make("li", {}, `and ${queries.length - LISTED} more`));
    document.getElementById(id).replaceChildren(...(items.length ? items : [reid.make("li", {}, "none")]));
  }

  function signal(name, signals) {
    if (!views[name]) return;
    for (const [key, value] of Object.entries(signals)) views[name].signal(key, value);
    views[name].runAsync();
  }

  function show() {
    const found = counted(threshold);
    for (const place of document.querySelectorAll("[data-number]")) {
      const value = found[place.dataset.number], share = ["baks", "baus", "mean"].includes(place.dataset.number);
      place.textContent = share ? (value === null ? "-" : `${reid.percent(value)} %`) : String(value);
      place.dataset.value = value === null ? "" : value;
    }
    form().elements.number.value = Number(threshold.toPrecision(6)); // shown short, kept exact
    form().elements.range.value = Math.round((STEPS * (threshold - low)) / (high - low));
    form().elements.range.setAttribute("aria-valuetext", threshold.toPrecision(4));
    views.density?.data("chosen", [{ threshold }]).runAsync();
    const kept = share("", false);
    signal("roc", { px: kept, py: share("", true) });
    signal("oscr", { px: kept, py: share("right", true) });
    signal("baks-baus", { px: 100 * (found.baus ?? 0), py: 100 * (found.baks ?? 0) });
    const kept_ = (q) => score.confidence[q] >= threshold;
    list("accepted", (q) => !known(q) && kept_(q), 1);
    list("rejected", (q) => known(q) && !kept_(q), -1);
    document.getElementById("numbers").dataset.threshold = threshold;
  }

  function move(to, rule = "") {
    threshold = to;
    for (const button of document.querySelectorAll("#rule-buttons button")) button.setAttribute("aria-pressed", String(button.dataset.rule === rule));
    document.querySelectorAll("#rules tr.marked").forEach((row) => row.classList.remove("marked"));
    if (rule) document.querySelector(`#rules tr[data-rule="${CSS.escape(rule)}"]`)?.classList.add("marked");
    const settings = reid.settings();
    for (const name of ["score", "threshold", "rule"]) settings.delete(name);
    if (rule) settings.set("rule", rule);
    else {
      settings.set("score", form().elements.score.value);
      settings.set("threshold", threshold);
    }
    reid.settle(settings);
    show();
  }

  // Where a rule said no query was known its threshold lies above all of them.
  const own = (rule) => (rule.threshold === null ? high : rule.threshold);

  async function choose(number) {
    form().elements.score.value = number;
    const chosen = data.scores[number];
    score = await reid.load(chosen.path);
    const [least, most] = score.confidence.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    const margin = (most - least || 1) / 50;
    [low, high] = [least - margin, most + margin];
    const buttons = chosen.rules.map((rule) => {
      const button = reid.make("button", { type: "button", "aria-pressed": "false", "data-rule": rule.cell }, rule.label);
      button.addEventListener("click", () => move(own(rule), rule.cell));
      return button;
    });
    document.getElementById("rule-buttons").replaceChildren(reid.make("span", { class: "note" }, "thresholds of the rules:"), ...buttons);
    const rows = (x, y) => score.points.threshold.map((_, i) => ({ i, x: 100 * score.points[x][i], y: 100 * score.points[y][i] }));
    const closed = score.points.new[0] === null;
    document.getElementById("closed").hidden = !closed;
    const figure = (name) => document.getElementById(name);
    for (const name of ["roc", "oscr", "baks-baus"]) figure(name).hidden = closed;
    views = { density: await reid.draw(figure("density"), score.density, { chosen: [{ threshold: least }] }) };
    if (!closed) {
      views.roc = await reid.draw(figure("roc"), rows("new", "known"));
      views.oscr = await reid.draw(figure("oscr"), rows("new", "right"));
      views["baks-baus"] = await reid.draw(figure("baks-baus"), rows("baus", "baks"));
    }
  }

  async function open() {
    const settings = reid.settings(), wanted = settings.get("rule");
    const place = data.scores.findIndex((each) => each.rules.some((rule) => rule.cell === wanted));
    if (wanted && place >= 0) {
      await choose(place);
      const rule = data.scores[place].rules.find((each) => each.cell === wanted);
      return move(own(rule), rule.cell);
    }
    const number = Number(settings.get("score") || 0);
    await choose(data.scores[number] ? number : 0);
    const at = settings.has("threshold") ? Number(settings.get("threshold")) : NaN;
    if (Number.isFinite(at)) return move(at);
    const first = data.scores[form().elements.score.value].rules[0];
    return move(own(first), first.cell);
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const inline = document.getElementById("openset-data");
    if (!inline) return;
    data = JSON.parse(inline.textContent);
    [asked, outcome] = await Promise.all([reid.load(data.asked), reid.load(data.outcome)]);
    form().addEventListener("submit", (event) => event.preventDefault());
    form().elements.range.addEventListener("input", (event) => move(low + ((high - low) * event.target.value) / STEPS));
    form().elements.number.addEventListener("change", (event) => Number.isFinite(event.target.valueAsNumber) && move(event.target.valueAsNumber));
    form().elements.score.addEventListener("input", async (event) => {
      await choose(Number(event.target.value));
      const first = data.scores[event.target.value].rules[0];
      move(own(first), first.cell);
    });
    addEventListener("hashchange", open);
    await open();
    document.body.dataset.ready = "true";
  });
})();
