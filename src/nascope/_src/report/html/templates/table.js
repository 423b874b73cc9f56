// Tables that sort by the heading pressed: numbers as numbers, what has none always last.

function sortKey(row, column) {
  const cell = row.cells[column];
  if ("number" in cell.dataset) return cell.dataset.number === "" ? null : Number(cell.dataset.number);
  const text = (cell.dataset.sort ?? cell.textContent).trim(), number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortTable(table, column, ascending) {
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: sortKey(row, column) }));
  rows.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return ascending ? compare(a.key, b.key) : compare(b.key, a.key);
  });
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

function isBelow(path, wanted) { return wanted.some((above) => path === above || path.startsWith(`${above}-`)); }

// Rows that hold every word of the filter before a table, and whose trials the address asks for;
// the others are hidden.
function filterTable(box, table) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean), wanted = table.wanted;
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    const kept = words.every((word) => text.includes(word)) && (!wanted || isBelow(row.dataset.path, wanted));
    row.classList.toggle("filtered", !kept);
    shown += kept;
  }
  const [count] = box.closest(".filter").querySelectorAll("span");
  count.textContent = words.length || wanted ? `${shown} of ${table.tBodies[0].rows.length}` : "";
  box.closest(".filter").querySelector("button").hidden = !words.length && !wanted;
}

function markColumn(table, key) {
  for (const cell of table.querySelectorAll(".marked")) cell.classList.remove("marked");
  const column = key ? [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.key === key) : -1;
  if (column < 0) return;
  for (const row of table.rows) row.cells[column].classList.add("marked");
  const [first] = table.tHead.rows[0].cells, head = table.tHead.rows[0].cells[column];
  table.closest(".scroll").scrollLeft = head.offsetLeft - first.offsetWidth; // which stays in view
}

// An address such as #trials:g0,g1-c3-0@accuracy asks for the trials below some paths, and marks a
// column. A page without a row per trial shows the rows of their cells.
function showSource() {
  const every = document.getElementById("trials"), table = every ?? document.getElementById("cells");
  if (!table || !location.hash.startsWith("#trials:")) return;
  const [paths, key] = decodeURIComponent(location.hash.slice(8)).split("@");
  table.wanted = paths.split(",").map((path) => every ? path : path.split("-").slice(0, 2).join("-"));
  for (const row of table.tBodies[0].rows) {
    if (hiddenCells.has(row.dataset.cell) && isBelow(row.dataset.path, table.wanted)) toggleCell(row.dataset.cell, true);
  }
  const box = table.closest(".scroll").previousElementSibling.querySelector("input");
  box.value = "";
  filterTable(box, table);
  for (let open = table.closest("details"); open; open = open.parentElement.closest("details")) open.open = true;
  markColumn(table, key);
  box.closest(".filter").scrollIntoView({ block: "start" });
  table.closest(".scroll").focus({ preventScroll: true });
}

function showAllRows(box, table) {
  table.wanted = null;
  box.value = "";
  markColumn(table, "");
  filterTable(box, table);
  history.replaceState(null, "", "#numbers");
  box.focus();
}

function asCsv(rows) {
  const quoted = (value) => { const text = String(value ?? ""); return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
  return rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

function numbersAs(kind) {
  const text = document.getElementById("numbers-json").textContent;
  if (kind === "json") return text;
  const numbers = JSON.parse(text), keys = Object.keys(numbers.measures);
  const rows = numbers.trials.length ? numbers.trials : numbers.cells;
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== "values");
  const mean = (value) => Array.isArray(value) ? value[0] : value;
  return asCsv([[...names, ...keys], ...rows.map((row) => [...names.map((name) => row[name]), ...keys.map((key) => mean(row.values[key]))])]);
}

function download(kind) {
  const link = document.createElement("a"), type = kind === "json" ? "application/json" : "text/csv";
  link.href = URL.createObjectURL(new Blob([numbersAs(kind)], { type }));
  link.download = `numbers.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function prepareTables() {
  for (const box of document.querySelectorAll(".filter input")) {
    const table = box.closest(".filter").nextElementSibling.querySelector("table");
    box.addEventListener("input", () => filterTable(box, table));
    box.closest(".filter").querySelector("button").addEventListener("click", () => showAllRows(box, table));
  }
  for (const downloads of document.querySelectorAll(".downloads")) downloads.hidden = false;
  for (const button of document.querySelectorAll("[data-download]")) button.addEventListener("click", () => download(button.dataset.download));
  // a second press on the same link changes no address
  document.addEventListener("click", (event) => { if (event.target.closest?.("a.source")?.hash === location.hash) showSource(); });
  window.addEventListener("hashchange", showSource);
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortTable(table, column, ascending);
    }));
  }
}
