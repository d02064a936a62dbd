// Two rows of one protocol: the test that the harness made, and the queries on which they differ.
"use strict";

(() => {
  const PAGE = 50;
  const RIGHT = (rank) => rank === 1;
  let data, asked, tests, page = 0;

  const by = (cell) => data.rows.find((row) => row.cell === cell);
  const points = (value) => `${value >= 0 ? "+" : "−"}${Math.abs(100 * value).toFixed(1)}`;
  const small = (p) => (p < 0.001 ? p.toExponential(1) : p.toFixed(3));
  const times = (count, noun) => `${count} ${noun}${count === 1 ? "y" : "ies"}`;

  // The test of A against B; the one of B against A with its signs turned.
  function tested(a, b) {
    const found = tests[`${a} ${b}`];
    if (found) return found;
    const turned = tests[`${b} ${a}`];
    if (!turned) return null;
    const minus = (value) => (value === null ? null : -value);
    return {
      ...turned, difference: minus(turned.difference), low: minus(turned.high), high: minus(turned.low),
      better: turned.worse, worse: turned.better,
    };
  }

  // Known queries on which the one is right at rank 1 and the other is not, counted here for pairs without a test.
  function counted(one, other) {
    let better = 0, worse = 0, known = 0;
    for (let query = 0; query < asked.id.length; query++) {
      if (asked.known[query] !== "1") continue;
      known++;
      better += RIGHT(one.hits[query]) && !RIGHT(other.hits[query]);
      worse += RIGHT(other.hits[query]) && !RIGHT(one.hits[query]);
    }
    return { better, worse, known };
  }

  function words(a, b, outcomes) {
    const { better, worse, known } = counted(...outcomes);
    const told = (row) => `${row.r1.value.toFixed(1)} (${row.r1.low.toFixed(1)} to ${row.r1.high.toFixed(1)})`;
    const lines = [
      `R-1 of A is ${told(by(a))} per cent, of B ${told(by(b))}.`,
      `Of ${times(known, "known quer")}, A answers ${better} that B misses, and misses ${worse} that B answers.`,
    ];
    if (a === b) return ["A and B are the same row: choose two."];
    const test = tested(a, b);
    if (!test) {
      return [...lines, `This pair was not tested: the tests of this page are those of the best rows with each other and of re-ranked rows with their coarse ranking (${data.comparisons} in all).`];
    }
    const range = test.low === null ? "" : ` (${points(test.low)} to ${points(test.high)})`;
    const finding = test.p < 0.05 ? "is a finding" : "is no finding: it may well be chance";
    return [
      ...lines,
      `The difference of ${points(test.difference)} points${range} ${finding}: p ${small(test.p)} by a sign-flip test over identities, corrected for the ${data.comparisons} comparisons of this page (Holm).`,
      `McNemar's test, which takes photographs of one animal for independent, has p ${small(test.mcnemar)} uncorrected.`,
    ];
  }

  function chosenQueries(outcomes, form) {
    const [one, other] = outcomes.map((outcome) => outcome.hits);
    const wanted = {
      differ: (q) => RIGHT(one[q]) !== RIGHT(other[q]),
      a: (q) => RIGHT(one[q]) && !RIGHT(other[q]),
      b: (q) => RIGHT(other[q]) && !RIGHT(one[q]),
      moved: (q) => one[q] !== other[q],
      all: () => true,
    }[form.elements.show.value];
    const dataset = form.elements.dataset.value, known = form.elements.known.value;
    return asked.id
      .map((_, query) => query)
      .filter((q) => wanted(q) && (dataset === "" || asked.datasets[asked.dataset[q]] === dataset) && (known === "" || asked.known[q] === known));
  }

  function line(query, outcomes, rows) {
    const { make } = reid;
    const rank = (outcome) => make("td", { class: `number${RIGHT(outcome.hits[query]) ? " good" : ""}` }, String(outcome.hits[query] || "-"));
    const look = make("td");
    rows.forEach((row, place) => {
      if (row.queries) look.append(make("a", { href: `${reid.root()}${encodeURI(row.queries)}#query=${query}` }, `in ${"AB"[place]}`), " ");
    });
    return make(
      "tr", {},
      make("th", { scope: "row", class: "id" }, asked.id[query]),
      make("td", { class: "id" }, asked.identities[asked.identity[query]]),
      make("td", {}, asked.datasets[asked.dataset[query]]),
      make("td", {}, asked.known[query] === "1" ? "known" : "new"),
      make("td", {}, asked.leaked[query] === "1" ? "leaked" : ""),
      ...outcomes.map(rank),
      look,
    );
  }

  async function show() {
    const form = document.getElementById("chosen"), which = document.getElementById("which");
    const cells = [form.elements.a.value, form.elements.b.value], rows = cells.map(by);
    const outcomes = await Promise.all(rows.map((row) => reid.load(row.outcome)));
    document.getElementById("verdict").replaceChildren(...words(...cells, outcomes).map((text) => reid.make("p", {}, text)));
    const names = ["A: ", reid.make("a", { href: reid.root() + encodeURI(rows[0].row) }, rows[0].title), reid.make("br"), "B: ", reid.make("a", { href: reid.root() + encodeURI(rows[1].row) }, rows[1].title)];
    document.getElementById("chosen-names").replaceChildren(...names);
    const queries = chosenQueries(outcomes, which), pages = Math.max(1, Math.ceil(queries.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const shown = queries.slice(page * PAGE, (page + 1) * PAGE);
    document.querySelector("#differing tbody").replaceChildren(...shown.map((query) => line(query, outcomes, rows)));
    which.querySelector(".count").textContent = times(queries.length, "quer");
    const paging = document.querySelector(".paging");
    paging.querySelector("span").textContent = `page ${page + 1} of ${pages}`;
    paging.querySelector('[data-step="-1"]').disabled = page === 0;
    paging.querySelector('[data-step="1"]').disabled = page === pages - 1;
    const settings = new URLSearchParams({ a: cells[0], b: cells[1] });
    for (const control of which.querySelectorAll("select")) if (control.value && control.value !== "differ") settings.set(control.name, control.value);
    reid.settle(settings);
    document.body.dataset.shown = cells.join(" ");
  }

  function curves() {
    const form = document.getElementById("chosen");
    const named = ["a", "b"].flatMap((name) => by(form.elements[name].value).curve.map((point) => ({ ...point, name: name.toUpperCase() })));
    return reid.draw(document.getElementById("curves"), named);
  }

  // What the address asks for; where it names no row, the best ones.
  function recall() {
    const form = document.getElementById("chosen"), which = document.getElementById("which"), settings = reid.settings();
    const b = by(settings.get("b")) ? settings.get("b") : data.rows[1].cell;
    form.elements.b.value = b;
    form.elements.a.value = by(settings.get("a")) ? settings.get("a") : data.rows.find((row) => row.cell !== b).cell;
    for (const control of which.querySelectorAll("select")) {
      control.value = settings.get(control.name) || "";
      if (control.selectedIndex === -1) control.selectedIndex = 0;
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const inline = document.getElementById("compare-data");
    if (!inline) return;
    data = JSON.parse(inline.textContent);
    [asked, tests] = await Promise.all([reid.load(data.asked), reid.load(data.tests)]);
    const form = document.getElementById("chosen"), which = document.getElementById("which");
    which.elements.dataset.append(...asked.datasets.map((name) => reid.make("option", {}, name)));
    recall();
    const again = () => ((page = 0), curves(), show());
    for (const element of [form, which]) element.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", again);
    which.addEventListener("input", () => ((page = 0), show()));
    document.getElementById("swap").addEventListener("click", () => {
      [form.elements.a.value, form.elements.b.value] = [form.elements.b.value, form.elements.a.value];
      again();
    });
    document.querySelector(".paging").addEventListener("click", (event) => {
      page += Number(event.target.dataset.step || 0);
      show();
    });
    addEventListener("hashchange", () => (recall(), again()));
    again();
  });
})();
