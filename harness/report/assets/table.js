// Tables that can be sorted, filtered and copied. State is kept in the address, so that a link shows what is seen.
"use strict";

(() => {
  const text = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
  const shown = (table) => [...table.tBodies[0].rows].filter((row) => !row.hidden);

  // What a cell is sorted by: a number where it has one, else its text; nothing comes last in either direction.
  function worth(row, column) {
    const cell = row.cells[column];
    const value = "value" in cell.dataset ? cell.dataset.value : text(cell);
    if (value === "" || value === "-") return null;
    return "value" in cell.dataset ? Number(value) : value;
  }

  function compare(a, b, falling) {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return falling ? -order : order;
  }

  function sort(table, column, falling) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [worth(row, column), row]);
    rows.sort(([a], [b]) => compare(a, b, falling)); // stable
    body.append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function sortable(table) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        // A merit is looked for from the top, a name or an error from the bottom.
        const first = (head.classList.contains("number") || "merit" in head.dataset) && !("less" in head.dataset);
        sort(table, column, now ? now === "ascending" : first);
        remember(table);
      });
    });
  }

  function filter(form, table) {
    const wanted = [...form.querySelectorAll("select")].filter((select) => select.value);
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const own = Object.fromEntries([...row.querySelectorAll("[data-axis]")].map((cell) => [cell.dataset.axis, cell]));
      const fits = wanted.every((select) => axis(own[select.name]) === select.value);
      const all = text(row).toLowerCase();
      row.hidden = !(fits && words.every((word) => all.includes(word)));
    }
    count(form, table);
  }

  function count(form, table) {
    form.querySelector(".count").textContent = `${shown(table).length} of ${table.tBodies[0].rows.length} rows`;
  }

  // The value of an axis, without what is said beside it.
  function axis(cell) {
    return text(cell.querySelector("a") || cell);
  }

  function remember(table) {
    const settings = reid.settings();
    const head = [...table.tHead.rows[0].cells].findIndex((cell) => cell.hasAttribute("aria-sort"));
    const form = document.querySelector(`form[data-for="${table.id}"]`);
    const state = { sort: "", search: "" };
    if (head >= 0) {
      const falling = table.tHead.rows[0].cells[head].getAttribute("aria-sort") === "descending";
      state.sort = (falling ? "-" : "") + text(table.tHead.rows[0].cells[head]);
    }
    for (const control of form ? form.querySelectorAll("select, input") : []) state[control.name] = control.value;
    for (const [name, value] of Object.entries(state)) {
      const key = `${table.id}.${name}`;
      if (value) settings.set(key, value);
      else settings.delete(key);
    }
    for (const key of [...settings.keys()]) if (key.includes("row-")) settings.delete(key);
    reid.settle(settings);
  }

  function recall(table, form) {
    const settings = reid.settings();
    for (const control of form ? form.querySelectorAll("select, input") : []) {
      control.value = settings.get(`${table.id}.${control.name}`) || "";
      if (control.selectedIndex === -1) control.value = "";
    }
    if (form) filter(form, table);
    const sorted = settings.get(`${table.id}.sort`) || "";
    const name = sorted.replace(/^-/, "");
    const column = [...table.tHead.rows[0].cells].findIndex((cell) => text(cell) === name);
    if (name && column >= 0) sort(table, column, sorted.startsWith("-"));
  }

  // ---- copying

  const FORMS = {
    markdown(rows, numbers) {
      const clean = (value) => value.replace(/\\/g, "\\\\").replace(/[|<>`*_[\]&~$]/g, (letter) => `\\${letter}`);
      const line = (cells) => `| ${cells.map(clean).join(" | ")} |`;
      const rule = `| ${numbers.map((number) => (number ? "---:" : "---")).join(" | ")} |`;
      return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n") + "\n";
    },
    latex(rows, numbers) {
      const special = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "≈": "$\\approx$", "–": "--", "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}" };
      const clean = (value) => value.replace(/[\\~^≈–<>|&%$#_{}]/g, (letter) => special[letter] || `\\${letter}`);
      const line = (cells) => `${cells.map(clean).join(" & ")} \\\\`;
      const begin = `\\begin{tabular}{${numbers.map((number) => (number ? "r" : "l")).join("")}}\n\\hline`;
      return [begin, line(rows[0]), "\\hline", ...rows.slice(1).map(line), "\\hline\n\\end{tabular}"].join("\n") + "\n";
    },
    csv(rows) {
      // A cell that begins like a formula would be run by a spreadsheet; a signed number is none, and nothing else is let through.
      const harmless = (value) => (/^[=+\-@\t\r]/.test(value) && !/^[+-]\d+(\.\d+)?$/.test(value) && value !== "-" ? `'${value}` : value);
      const clean = (value) => (/[",\r\n]/.test(value) ? `"${value.replace(/"/g, '""')}"` : value);
      return rows.map((cells) => cells.map((cell) => clean(harmless(cell))).join(",")).join("\n") + "\n";
    },
  };

  function cells(row) {
    return [...row.cells].filter((cell) => !("uncopied" in cell.dataset));
  }

  function copied(table, form) {
    const head = cells(table.tHead.rows[0]);
    const rows = shown(table).map((row) => cells(row).map((cell) => cell.dataset.copy ?? text(cell)));
    return FORMS[form]([head.map(text), ...rows], head.map((cell) => cell.classList.contains("number")));
  }

  async function copy(bar, table, form) {
    const content = copied(table, form);
    const told = bar.querySelector("[aria-live]");
    bar.querySelector("textarea")?.remove();
    try {
      await navigator.clipboard.writeText(content);
      told.textContent = `${shown(table).length} rows copied`;
    } catch {
      // A page from disk may not write the clipboard: the text is shown and chosen instead.
      const area = reid.make("textarea", { rows: 8, readonly: true, "aria-label": "The table as text, to copy" });
      area.value = content;
      bar.append(area);
      area.select();
      told.textContent = "Copy the chosen text";
    }
  }

  // ---- a permalink leads to its row

  function mark() {
    document.querySelectorAll("tr.marked").forEach((row) => row.classList.remove("marked"));
    const name = location.hash.slice(1); // digits and letters, which no address escapes
    const row = name.includes("row-") ? document.getElementById(name) : null;
    if (!row) return;
    row.hidden = false;
    const form = document.querySelector(`form[data-for="${row.closest("table").id}"]`);
    if (form) count(form, row.closest("table"));
    row.classList.add("marked");
    row.scrollIntoView({ block: "center" });
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll("table.sortable")) {
      sortable(table);
      const form = document.querySelector(`form[data-for="${table.id}"]`);
      recall(table, form);
      if (form) {
        form.addEventListener("submit", (event) => event.preventDefault());
        form.addEventListener("input", () => (filter(form, table), remember(table)));
        form.addEventListener("reset", () => setTimeout(() => (filter(form, table), remember(table))));
      }
      const bar = document.querySelector(`.copy[data-for="${table.id}"]`);
      for (const button of bar ? bar.querySelectorAll("button") : []) {
        button.addEventListener("click", () => copy(bar, table, button.dataset.form));
      }
    }
    addEventListener("hashchange", mark);
    mark();
  });

  reid.table = { copied };
})();
