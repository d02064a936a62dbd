// The queries of one ranking. A small index serves the filters; what is shown of a query is loaded by the hundred.
"use strict";

(() => {
  const PAGE = 20;
  let data, asked, outcome, index, said = null, page = 0, shown = [], wantedQuery = null;

  const known = (q) => asked.known[q] === "1";
  const accepted = (q) => said && said.said[q] === "1";

  const KINDS = {
    all: () => true,
    right: (q) => known(q) && outcome.hits[q] === 1,
    wrong: (q) => known(q) && outcome.hits[q] !== 1,
    rescued: (q) => known(q) && outcome.hits[q] === 1 && index.before[q] !== 1,
    broken: (q) => known(q) && outcome.hits[q] !== 1 && index.before[q] === 1,
    missed: (q) => known(q) && outcome.hits[q] === 0,
    leaked: (q) => asked.leaked[q] === "1",
    new: (q) => !known(q),
    accepted: (q) => !known(q) && accepted(q),
    rejected: (q) => known(q) && said && !accepted(q),
  };
  const ORDERS = {
    number: null,
    rank: (q) => (known(q) ? -(outcome.hits[q] || Infinity) : Infinity),
    sure: (q) => -said.confidence[q],
    unsure: (q) => said.confidence[q],
  };

  const form = () => document.getElementById("filters");
  const control = (name) => form().elements[name];

  // ---- which queries

  function filter() {
    const kind = KINDS[control("kind").value], dataset = control("dataset").value, species = control("species").value;
    const words = control("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = [];
    for (let q = 0; q < asked.id.length; q++) {
      if (!kind(q)) continue;
      if (dataset && asked.datasets[asked.dataset[q]] !== dataset) continue;
      if (species && asked.kinds[asked.species[q]] !== species) continue;
      if (words.length) {
        const text = `${asked.id[q]} ${asked.identities[asked.identity[q]]}`.toLowerCase();
        if (!words.every((word) => text.includes(word))) continue;
      }
      shown.push(q);
    }
    const worth = ORDERS[control("order").value];
    if (worth) shown = shown.map((q) => [worth(q), q]).sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1)).map((pair) => pair[1]);
  }

  function counted() {
    for (const option of control("kind").options) {
      option.dataset.text ||= option.textContent;
      let count = 0;
      for (let q = 0; q < asked.id.length; q++) count += KINDS[option.value](q) ? 1 : 0;
      option.textContent = `${option.dataset.text} (${count})`;
    }
  }

  // ---- one query

  function photograph(digest, alt) {
    if (!digest) return reid.make("span", { class: "photo none" }, "not shown");
    return reid.make("img", { class: "photo", src: reid.photo(digest), alt, loading: "lazy", width: 96, height: 96 });
  }

  function candidate(query, found, images, now) {
    const [number, right, before, after, score, matches, inliers, drawn] = found;
    const [id, identity, digest] = images[number];
    const { make } = reid;
    const place = now === "after" ? after : before;
    const lines = [make("span", { class: "place" }, `${place + 1}.`), " ", make("strong", {}, identity), right ? make("span", { class: "good" }, " right") : null];
    const facts = [make("span", { class: "id" }, id), `score ${score}`];
    if (matches !== null) facts.push(inliers === matches ? `${matches} matches` : `${matches} matches, ${inliers} agree`);
    if (data.reranked && before !== after) {
      const lifted = after < before;
      facts.push(make("span", { class: lifted ? "lifted" : "pushed" }, `${lifted ? "↑" : "↓"} ${before + 1} → ${after + 1}`));
    }
    if (drawn !== null && data.matches) {
      facts.push(make("a", { href: `${reid.root()}${encodeURI(data.matches)}#pair=${query}-${drawn}` }, "see the matches"));
    }
    const told = facts.flatMap((fact) => [make("br"), fact]);
    return make("li", { class: `candidate${right ? " own" : ""}` }, photograph(digest, `Gallery image ${id} of ${identity}`), make("div", {}, ...lines, ...told));
  }

  function verdict(q) {
    if (!said) return null;
    const right = accepted(q) === known(q);
    return reid.make("span", { class: right ? "good" : "bad" }, `the rule says ${accepted(q) ? "known" : "new"} (confidence ${said.confidence[q]})${right ? "" : ", which is wrong"}`);
  }

  function ranks(q) {
    const told = (rank) => (rank ? `at place ${rank}` : `not among the first ${data.length}`);
    if (!known(q)) return "a new individual: no right answer is in the gallery";
    const now = outcome.hits[q], was = index.before[q];
    return data.reranked && was !== now ? `first right image ${told(was)} before, ${told(now)} after re-ranking` : `first right image ${told(now)}`;
  }

  function answer(q, chunk, row) {
    const { make } = reid, lists = chunk.queries[row], identity = asked.identities[asked.identity[q]];
    const facts = [asked.datasets[asked.dataset[q]], asked.kinds[asked.species[q]], index.orientation[q], asked.leaked[q] === "1" ? "leaked" : ""];
    const item = make("li", { class: "answer", id: `query-${q}`, tabindex: "-1" });
    const head = make(
      "div", { class: "asked" },
      photograph(chunk.photographs[row], `Query ${asked.id[q]} of ${identity}`),
      make("div", {}, make("h2", {}, `${asked.id[q]}: ${identity}`), facts.filter(Boolean).join(", "), make("br"), ranks(q), said ? make("br") : null, verdict(q)),
    );
    const listed = ["before", "after"].filter((name) => lists[name]).map((name) => {
      const label = data.reranked ? (name === "before" ? "by the embedding" : "after re-ranking") : "shortlist";
      return make("div", { class: "list" }, make("h3", {}, label), make("ol", { class: "candidates" }, ...lists[name].map((found) => candidate(q, found, chunk.images, name))));
    });
    item.append(head, ...listed);
    return item;
  }

  // ---- the page

  async function show() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const queries = shown.slice(page * PAGE, (page + 1) * PAGE);
    const chunks = await Promise.all(queries.map((q) => reid.load(`${data.stem}-${Math.floor(q / data.chunk)}.js`)));
    const list = document.getElementById("answers");
    list.replaceChildren(...queries.map((q, place) => answer(q, chunks[place], q % data.chunk)));
    form().querySelector(".count").textContent = `${shown.length} of ${asked.id.length} queries`;
    for (const paging of document.querySelectorAll(".paging")) {
      paging.querySelector("span").textContent = `page ${page + 1} of ${pages}`;
      paging.querySelector('[data-step="-1"]').disabled = page === 0;
      paging.querySelector('[data-step="1"]').disabled = page === pages - 1;
    }
    list.dataset.shown = queries.join(" ");
  }

  function remember() {
    const settings = new URLSearchParams();
    for (const element of form().querySelectorAll("select, input")) {
      if (element.value && element.value !== "all" && element.value !== "number") settings.set(element.name, element.value);
    }
    if (data.rules.length && control("rule").value === data.rules[0].cell) settings.delete("rule");
    if (page) settings.set("page", page + 1);
    reid.settle(settings);
  }

  async function again(first = true) {
    if (data.rules.length) said = await reid.load(data.rules.find((rule) => rule.cell === control("rule").value).path);
    counted();
    filter();
    if (first) page = 0;
    await show();
  }

  function open() {
    const settings = reid.settings();
    for (const element of form().querySelectorAll("select, input")) {
      const value = settings.get(element.name);
      if (value !== null) element.value = value;
      if (element.selectedIndex === -1) element.selectedIndex = 0;
    }
    page = Math.max(0, Number(settings.get("page") || 1) - 1) || 0;
    wantedQuery = settings.has("query") ? Number(settings.get("query")) : null;
  }

  // An address that names a query leads to it.
  async function lead() {
    if (wantedQuery === null || !(wantedQuery < asked.id.length)) return;
    if (!shown.includes(wantedQuery)) {
      form().reset();
      await again();
    }
    page = Math.floor(shown.indexOf(wantedQuery) / PAGE);
    await show();
    const item = document.getElementById(`query-${wantedQuery}`);
    item.classList.add("marked");
    item.scrollIntoView({ block: "start" });
    item.focus({ preventScroll: true });
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const inline = document.getElementById("queries-data");
    if (!inline) return;
    data = JSON.parse(inline.textContent);
    [asked, outcome, index] = await Promise.all([reid.load(data.asked), reid.load(data.outcome), reid.load(data.index)]);
    for (const [name, values] of [["dataset", asked.datasets], ["species", asked.kinds]]) {
      control(name).append(...values.filter(Boolean).map((value) => reid.make("option", {}, value)));
      control(name).closest("label").hidden = values.filter(Boolean).length < 2;
    }
    open();
    form().addEventListener("submit", (event) => event.preventDefault());
    form().addEventListener("input", async () => (await again(), remember()));
    form().addEventListener("reset", () => setTimeout(async () => (await again(), remember())));
    for (const paging of document.querySelectorAll(".paging")) {
      paging.addEventListener("click", async (event) => {
        const step = Number(event.target.dataset.step || 0);
        if (!step) return;
        page += step;
        await show();
        remember();
        document.getElementById("answers").scrollIntoView({ block: "start" });
      });
    }
    addEventListener("hashchange", async () => (open(), await again(false), lead()));
    await again(false);
    await lead();
  });
})();
