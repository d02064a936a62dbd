// Photographs in the plane, coloured by what is asked for.
"use strict";

(() => {
  const COLOURS = 8, SHAPES = 6, NAMED = 10, FIXED = { right: 2, wrong: 1, new: 3, "": 6 };
  const MARKS = ["●", "■", "▲", "◆", "✚", "▼"];
  let points, view;

  // Many identities share a colour; the shape then tells neighbours in the list apart.
  function coded(by) {
    const values = [...new Set(points.map((point) => point[by]))].sort();
    const code = new Map(values.map((value, i) => [value, i]));
    const place = (value) => (by === "at 1" ? { colour: FIXED[value] ?? 6, shape: { right: 0, wrong: 4, new: 2, "": 1 }[value] ?? 0 } : { colour: code.get(value) % COLOURS, shape: Math.floor(code.get(value) / COLOURS) % SHAPES });
    return { values, place };
  }

  async function show() {
    const form = document.getElementById("colouring"), by = form.elements.by.value;
    const words = form.elements.search.value.toLowerCase().trim();
    const { values, place } = coded(by);
    let found = 0;
    const rows = points.map((point) => {
      const hit = words && `${point.identity} ${point.id}`.toLowerCase().includes(words);
      found += hit ? 1 : 0;
      return { ...point, ...place(point[by]), image: reid.photo(point.image), size: hit ? 260 : words ? 12 : 45 };
    });
    view = await reid.draw(document.getElementById("atlas"), rows);
    document.getElementById("told").textContent = words ? `${found} photographs` : `${values.length} ${by === "at 1" ? "outcomes" : by === "identity" ? "identities" : `values of ${by}`}`;
    const named = values.length <= NAMED ? values : [];
    const items = named.map((value) => {
      const { colour, shape } = place(value);
      return reid.make("li", {}, reid.make("span", { style: `color: var(--c${colour + 1})`, "aria-hidden": "true" }, MARKS[shape]), ` ${value || (by === "at 1" ? "not a query" : "not given")}`);
    });
    document.getElementById("legend").replaceChildren(...items);
    const settings = new URLSearchParams();
    if (by !== "at 1") settings.set("by", by);
    if (words) settings.set("search", words);
    reid.settle(settings);
    document.getElementById("atlas").dataset.by = by;
  }

  function table() {
    const names = ["id", "identity", "species", "data set", "role", "at 1"];
    const rows = points.map((point) => reid.make("tr", {}, ...names.map((name, i) => reid.make(i ? "td" : "th", i ? { class: "id" } : { scope: "row", class: "id" }, point[name]))));
    document.querySelector("#photographs tbody").replaceChildren(...rows);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const inline = document.getElementById("atlas-data");
    if (!inline) return;
    points = JSON.parse(inline.textContent);
    const form = document.getElementById("colouring"), settings = reid.settings();
    if (settings.get("by")) form.elements.by.value = settings.get("by");
    if (!form.elements.by.value) form.elements.by.value = "at 1";
    form.elements.search.value = settings.get("search") || "";
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", show);
    document.querySelector("details").addEventListener("toggle", table, { once: true });
    show();
  });
})();
