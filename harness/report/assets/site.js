// What every page has: lazily loaded data, charts, and the choice of a theme.
"use strict";

const reid = {
  charts: {},
  _taken: new Map(),

  // Called by a data file.
  take(path, value) {
    const waiting = reid._taken.get(path);
    if (waiting) waiting.resolve(value);
  },

  // The value of a data file, by its path from the site's root; loaded once.
  load(path) {
    let entry = reid._taken.get(path);
    if (!entry) {
      entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      reid._taken.set(path, entry);
      const script = document.createElement("script");
      script.src = reid.root() + path;
      script.onerror = () => entry.reject(new Error(`${path} is missing`));
      document.head.append(script);
    }
    return entry.promise;
  },

  root() {
    return document.documentElement.dataset.root;
  },

  // An element with attributes and children; text stays text.
  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  },

  // The address of a photograph in small, by the head of its digest; empty where it is not shown.
  photo(digest, side = 128) {
    return digest && `${reid.root()}photos/${side}/${digest.slice(0, 2)}/${digest}.webp`;
  },

  // A number between 0 and 1 as per cent, a dash for nothing.
  percent(value) {
    return value === null || value === undefined || Number.isNaN(value) ? "-" : (100 * value).toFixed(1);
  },

  // Settings in the address behind #, so that a link leads to what is seen.
  settings() {
    return new URLSearchParams(location.hash.slice(1));
  },

  settle(settings) {
    const text = settings.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  },

  // Draw a figure's chart; the promise gives Vega's view. Other data sources than its rows may be given by name.
  async draw(figure, rows, others = {}) {
    const place = figure.querySelector(".plot") || figure.insertBefore(reid.make("div", { class: "plot" }), figure.firstChild);
    const spec = { ...reid.charts[figure.dataset.chart], data: { name: "rows", values: rows }, datasets: others, description: figure.dataset.alt || "" };
    if (spec.height.step) spec.height = spec.height.step * rows.length; // a row of data is a row of the chart
    const options = { actions: false, renderer: "svg", config: reid.chartConfig, tooltip: { theme: "custom" } };
    const { view } = await vegaEmbed(place, spec, options);
    figure.dataset.drawn = "true";
    return view;
  },
};

// The theme: the system's, until somebody chooses.
function themed(choice) {
  if (choice) document.documentElement.dataset.theme = choice;
  const dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  for (const button of document.querySelectorAll(".theme")) button.setAttribute("aria-pressed", String(dark));
}

function remembered(value) {
  try {
    if (value) localStorage.setItem("theme", value);
    return localStorage.getItem("theme");
  } catch {
    return value || null; // storage may be closed to a page from disk
  }
}

document.addEventListener("DOMContentLoaded", () => {
  themed(remembered());
  for (const button of document.querySelectorAll(".theme")) {
    button.addEventListener("click", () => {
      const next = button.getAttribute("aria-pressed") === "true" ? "light" : "dark";
      remembered(next);
      themed(next);
    });
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const inline = figure.querySelector('script[type="application/json"]');
    if (inline) reid.draw(figure, JSON.parse(inline.textContent));
  }
});
